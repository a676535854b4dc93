/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#ifndef INCLUDED_SR2CNN_MESSAGE_GATEWAY_H
#define INCLUDED_SR2CNN_MESSAGE_GATEWAY_H

#include <atomic>
#include <deque>
#include <gnuradio/block.h>
#include <map>
#include <mutex>
#include <pybind11/pybind11.h>
#include <set>
#include <string>
#include <utility>

namespace gr {
namespace sr2cnn {

/*!
 * \brief A Python block of message ports alone, to which no message is lost.
 *
 * GNU Radio ends such a block with the first of those that send it messages, or at any moment of a stop(), and
 * then leaves in its queue what others still send, their last words in stop() among them. This one, once it has
 * ended, handles a message where it is sent, before the sender goes on: when all threads of a flowgraph have
 * ended, there is none left. Messages are handled in the order in which they came, whatever their ports (GNU
 * Radio goes port by port), and handlers never run at once with each other.
 *
 * The Python object has the methods that are the handlers, and flush(), which is called when the messages of a
 * sender that come after the end are all there.
 */
class message_gateway : public block
{
public:
    //! \param owner the Python object, which holds this block and not the other way round
    message_gateway(const pybind11::object& owner, const std::string& name);
    ~message_gateway() override;

    void post(pmt::pmt_t port, pmt::pmt_t message) override;
    bool start() override;
    bool stop() override;

    void set_python_handler(const pmt::pmt_t& port, const std::string& method);
    gr::logger_ptr logger() const { return d_logger; }

private:
    void handle(const pmt::pmt_t& message, const std::string& method);
    void work_off();
    void flush_with_this_thread();
    template <class... Arguments>
    void call(const std::string& method, const Arguments&... arguments);

    pybind11::weakref d_owner;
    std::atomic<bool> d_started{ false };
    std::atomic<bool> d_ended{ true };        // handled where they are sent
    std::atomic<bool> d_working_off{ false }; // some thread is at it
    std::atomic<bool> d_again{ false };       // something may have come since it began
    std::map<pmt::pmt_t, std::string, pmt::comparator>
        d_methods;                                           // that take the messages of a port
    std::mutex d_mutex;                                      // guards all below
    std::deque<std::pair<pmt::pmt_t, pmt::pmt_t>> d_arrived; // port and message, as they came
    std::set<boost::thread::id> d_flushing;                  // threads with whose end it is flushed
};

} // namespace sr2cnn
} // namespace gr

#endif /* INCLUDED_SR2CNN_MESSAGE_GATEWAY_H */
