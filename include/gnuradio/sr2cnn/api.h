/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_API_H
#define INCLUDED_SR2CNN_API_H

#include <gnuradio/attributes.h>

#ifdef gnuradio_sr2cnn_EXPORTS
#define SR2CNN_API __GR_ATTR_EXPORT
#else
#define SR2CNN_API __GR_ATTR_IMPORT
#endif

#endif /* INCLUDED_SR2CNN_API_H */
