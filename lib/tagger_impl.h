/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_TAGGER_IMPL_H
#define INCLUDED_SR2CNN_TAGGER_IMPL_H

#include <cstdint>
#include <gnuradio/sr2cnn/tagger.h>
#include <vector>

namespace gr {
namespace sr2cnn {

class tagger_impl : public tagger
{
public:
    tagger_impl(int frame_len, int hop, const std::string& emit);

    bool start() override;
    void forecast(int noutput_items, gr_vector_int& ninput_items_required) override;
    int general_work(int noutput_items,
                     gr_vector_int& ninput_items,
                     gr_vector_const_void_star& input_items,
                     gr_vector_void_star& output_items) override;

private:
    bool classes_done(int n_read) const;
    void take_classes(int n);
    void place(const tag_t& tag, std::uint64_t start);
    bool is_wanted(const tag_t& tag);
    int releasable(int n_samples);

    const int d_frame_len;
    const int d_hop;
    const std::string d_emit;

    std::uint64_t d_first = 0; // index of the first sample since start(), as the framer counts
    bool d_first_known = false;
    std::uint64_t d_next_start = 0; // of the next frame, if no tag says otherwise
    std::uint64_t d_frame_end = 0;  // end of the last frame; before it none can begin anew
    long d_last_id = 0;             // of the last tag placed
    bool d_fresh = true;            // no tag since the start or a gap
    bool d_of_emissions = false;    // the class ids, so that none is a frame's
    std::vector<tag_t> d_tags;
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_TAGGER_IMPL_H */
