#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Tests and fuzz drivers of lib/ under the sanitizers, in build folders of their own:
#
#     lib/sanitize.sh [SECONDS of fuzzing in all, 60]
#
# All under AddressSanitizer and UndefinedBehaviorSanitizer, the frame queue under ThreadSanitizer, too.
# With clang the drivers are guided by libFuzzer, with g++ they run on random bytes.
# An input that fails is kept as build/sanitize-*/crash-*, to be given to the driver again; without libFuzzer the
# driver prints its seed, which repeats it. What libFuzzer found new paths with is kept in build/sanitize-*/corpus-*.

set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}

mkdir -p build
compiler=g++
echo 'extern "C" int LLVMFuzzerTestOneInput() { return 0; }' > build/libfuzzer.cc
if clang++ -fsanitize=fuzzer,address build/libfuzzer.cc -o build/libfuzzer 2> /dev/null; then
    compiler=clang++
fi
folder=build/sanitize-${compiler%++}
echo "sanitizers of $($compiler --version | head -1)"

build() { # folder sanitizers targets…
    CXX=$compiler cmake -S . -B "$1" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O1 \
        -DSR2CNN_SANITIZE="$2" > "$1.log" 2>&1 || { cat "$1.log"; exit 1; }
    cmake --build "$1" -j"$(nproc)" --target "${@:3}" > "$1.log" 2>&1 || { cat "$1.log"; exit 1; }
    rm "$1.log"
}

fuzz() { # folder seconds driver
    echo "$3, $2 s"
    mkdir -p "$1/corpus-$3"
    "$1/lib/$3" -max_total_time="$2" -artifact_prefix="$1/" -print_final_stats=0 -verbosity=0 \
        -rss_limit_mb=2048 -timeout=30 "$1/corpus-$3" 2> "$1/$3.log" || { cat "$1/$3.log"; exit 1; }
}

drivers=(fuzz_detector fuzz_discriminator fuzz_discriminator_file fuzz_frame_queue fuzz_framer)
share=$((seconds / 6 > 0 ? seconds / 6 : 1))
build $folder-address address,undefined sanitized
ctest --test-dir $folder-address --output-on-failure -R '^qa_' --no-tests=error
for driver in "${drivers[@]}"; do
    fuzz $folder-address $share "$driver"
done
build $folder-thread thread qa_frame_queue_core fuzz_frame_queue
ctest --test-dir $folder-thread --output-on-failure -R '^qa_frame_queue_core' --no-tests=error
fuzz $folder-thread $share fuzz_frame_queue
