# SPDX-License-Identifier: GPL-3.0-or-later
#
# Finds the interpreter that GNU Radio belongs to and where its packages go below the prefix.
# Sets SR2CNN_PYTHON, the interpreter, and SR2CNN_PYTHON_DIR, relative to the prefix.

if(NOT PYTHON_EXECUTABLE)
    # The python3 on the PATH is often not the one that GNU Radio was installed for.
    find_program(_path_python python3)
    foreach(candidate IN ITEMS "${_path_python}" /usr/bin/python3 /usr/local/bin/python3)
        execute_process(COMMAND "${candidate}" -c "import gnuradio.gr"
                        RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
        if(result EQUAL 0)
            set(PYTHON_EXECUTABLE "${candidate}" CACHE FILEPATH "interpreter that sees GNU Radio")
            break()
        endif()
    endforeach()
    if(NOT PYTHON_EXECUTABLE)
        message(FATAL_ERROR "no python3 can import gnuradio: set -DPYTHON_EXECUTABLE=...")
    endif()
endif()

set(SR2CNN_PYTHON "${PYTHON_EXECUTABLE}")

# Debian's interpreter looks in dist-packages, and in /usr/local elsewhere than in /usr: of the
# folders that the interpreter looks in, take the first below <prefix>/lib.
if(NOT SR2CNN_PYTHON_DIR)
    execute_process(
        COMMAND "${SR2CNN_PYTHON}" -c "
import os, site, sys
prefix = '${CMAKE_INSTALL_PREFIX}'.rstrip('/')
default = f'lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages'
below = [p for p in site.getsitepackages() if p.startswith(prefix + '/lib')]
print(os.path.relpath(below[0], prefix) if below else default)"
        OUTPUT_VARIABLE SR2CNN_PYTHON_DIR OUTPUT_STRIP_TRAILING_WHITESPACE
        COMMAND_ERROR_IS_FATAL ANY)
endif()
message(STATUS "Python interpreter: ${SR2CNN_PYTHON}")
message(STATUS "Python packages go to: <prefix>/${SR2CNN_PYTHON_DIR}")
