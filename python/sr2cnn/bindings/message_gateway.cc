/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "message_gateway.h"
#include <boost/thread.hpp>
#include <gnuradio/io_signature.h>

namespace py = pybind11;

namespace gr {
namespace sr2cnn {

namespace {
const auto PORT_SYSTEM = pmt::intern("system"); // on which GNU Radio tells a block that it is done
const auto NEXT =
    pmt::make_tuple(pmt::intern("next")); // in the queue of a port: see what arrived first
} // namespace

message_gateway::message_gateway(const py::object& owner, const std::string& name)
    : block(name, io_signature::make(0, 0, 0), io_signature::make(0, 0, 0)),
      d_owner(owner)
{
}

message_gateway::~message_gateway()
{
    if (!Py_IsInitialized()) {
        d_owner.release();
        return;
    }
    py::gil_scoped_acquire acquired;
    d_owner = py::weakref();
}

void message_gateway::post(pmt::pmt_t port, pmt::pmt_t message)
{
    if (d_methods.find(port) == d_methods.end()) {
        block::post(port, message);
        return;
    }
    {
        std::lock_guard<std::mutex> guard(d_mutex);
        d_arrived.emplace_back(port, message);
    }
    block::post(port, NEXT);
    if (!d_ended)
        return;
    work_off();
    if (d_started)
        flush_with_this_thread();
    else
        call("flush");
}

bool message_gateway::start()
{
    d_started = true;
    d_ended = false;
    return true;
}

bool message_gateway::stop()
{
    d_ended = true;
    work_off();
    call("flush");
    return true;
}

// By one thread at a time. Another one need not wait for it: it looks again before it leaves.
void message_gateway::work_off()
{
    d_again = true;
    while (d_again && !d_working_off.exchange(true)) {
        d_again = false;
        for (const auto& queue : msg_queue)
            if (!pmt::eq(queue.first, PORT_SYSTEM))
                while (const auto message = delete_head_nowait(queue.first))
                    dispatch_msg(queue.first, message);
        d_working_off = false;
    }
}

// Once, after what the thread still sends.
void message_gateway::flush_with_this_thread()
{
    const auto id = boost::this_thread::get_id();
    {
        std::lock_guard<std::mutex> guard(d_mutex);
        if (!d_flushing.insert(id).second)
            return;
    }
    const std::weak_ptr<basic_block> weak = weak_from_this();
    boost::this_thread::at_thread_exit([weak, id] {
        const auto found = std::dynamic_pointer_cast<message_gateway>(weak.lock());
        if (!found)
            return;
        {
            std::lock_guard<std::mutex> guard(found->d_mutex);
            found->d_flushing.erase(id);
        }
        found->call("flush");
    });
}

void message_gateway::set_python_handler(const pmt::pmt_t& port, const std::string& method)
{
    d_methods[port] = method;
    set_msg_handler(port, [this, method](const pmt::pmt_t& message) { handle(message, method); });
}

void message_gateway::handle(const pmt::pmt_t& message, const std::string& method)
{
    if (!pmt::eq(message, NEXT)) { // put straight into the queue, as _post() does
        call(method, message);
        return;
    }
    std::pair<pmt::pmt_t, pmt::pmt_t> first;
    {
        std::lock_guard<std::mutex> guard(d_mutex);
        first = std::move(d_arrived.front());
        d_arrived.pop_front();
    }
    call(d_methods[first.first], first.second);
}

template <class... Arguments>
void message_gateway::call(const std::string& method, const Arguments&... arguments)
{
    if (!Py_IsInitialized())
        return;
    py::gil_scoped_acquire acquired;
    const py::object owner = d_owner();
    if (owner.is_none())
        return;
    try {
        owner.attr(method.c_str())(arguments...);
    } catch (const std::exception& error) { // a message is not worth the flowgraph
        d_logger->error("{}: {}", method, error.what());
    }
}

} // namespace sr2cnn
} // namespace gr
