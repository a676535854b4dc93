/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "spectra.h"
#include <cmath>
#include <fftw3.h>
#include <stdexcept>
#include <string>
#include <volk/volk.h>

namespace gr {
namespace sr2cnn {

namespace {

// Harris (1978), minimum of four terms, periodic; sidelobes 92 dB down.
std::vector<float> blackman_harris(std::size_t size)
{
    constexpr double TERMS[] = { 0.35875, -0.48829, 0.14128, -0.01168 };
    std::vector<float> window(size);
    for (std::size_t n = 0; n < size; n++) {
        double value = 0;
        for (int k = 0; k < 4; k++)
            value += TERMS[k] * std::cos(2 * M_PI * k * n / size);
        window[n] = value;
    }
    return window;
}

} // namespace

struct spectra::plan {
    explicit plan(std::size_t size)
        : samples(reinterpret_cast<sample*>(fftwf_alloc_complex(size))),
          bins(reinterpret_cast<sample*>(fftwf_alloc_complex(size)))
    {
        // Whoever else plans in this process, as GNU Radio does, waits for us and we for him.
        static const bool is_safe = (fftwf_make_planner_thread_safe(), true);
        static_cast<void>(is_safe);
        transform = fftwf_plan_dft_1d(size,
                                      reinterpret_cast<fftwf_complex*>(samples),
                                      reinterpret_cast<fftwf_complex*>(bins),
                                      FFTW_FORWARD,
                                      FFTW_MEASURE);
    }
    ~plan()
    {
        fftwf_destroy_plan(transform);
        fftwf_free(samples);
        fftwf_free(bins);
    }

    sample* samples;
    sample* bins;
    fftwf_plan transform;
};

spectra::spectra(std::size_t size) : d_size(size)
{
    if (size < 16 || (size & (size - 1)))
        throw std::invalid_argument("size is " + std::to_string(size) +
                                    ", expected a power of two of at least 16");
    d_window = blackman_harris(size);
    double power = 0;
    for (float value : d_window)
        power += double(value) * value;
    for (std::size_t n = 0; n < size; n++)
        d_window[n] /= std::sqrt(power) * (n % 2 ? -1 : 1); // every other sign: the middle is bin 0
    d_plan = std::make_unique<plan>(size);
}

spectra::~spectra() = default;

void spectra::power(const sample* samples, float* powers)
{
    volk_32fc_32f_multiply_32fc(d_plan->samples, samples, d_window.data(), d_size);
    fftwf_execute(d_plan->transform);
    volk_32fc_magnitude_squared_32f(powers, d_plan->bins, d_size);
}

} // namespace sr2cnn
} // namespace gr
