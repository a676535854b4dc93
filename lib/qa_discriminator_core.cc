/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#define BOOST_TEST_MODULE discriminator_core
#include "discriminator_core.h"
#include <boost/test/unit_test.hpp>

using namespace gr::sr2cnn;

BOOST_AUTO_TEST_CASE(placeholder) {}
