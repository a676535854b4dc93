/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "conversions.h"

PYBIND11_MODULE(sr2cnn_python, m)
{
    bind_kernel(m);
    bind_blocks(m);
    bind_detector(m);
    bind_lifetime(m);
}
