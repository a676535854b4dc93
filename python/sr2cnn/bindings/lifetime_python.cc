/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

// What Python blocks need so that they live as long as the flowgraph that they are connected in, and
// handle every message that is sent to them.

#include "message_gateway.h"
#include "unowned.h"
#include <gnuradio/hier_block2.h>

namespace py = pybind11;
using gr::sr2cnn::message_gateway;

namespace {

// Lets go of a Python object on whatever thread the last reference to it goes.
struct let_go {
    PyObject* object;
    void operator()(gr::basic_block*) const
    {
        if (!Py_IsInitialized())
            return;
        py::gil_scoped_acquire acquired;
        Py_DECREF(object);
    }
};

// The block of a Python object as a flowgraph is to hold it: with a pointer that also holds the Python object,
// as long as an edge of the flowgraph holds the pointer. The Python object holds the block, so the block itself
// must not hold the Python object. pybind11 would return the instance that is there, with its own pointer.
py::object held(const py::object& instance, const py::object& owner)
{
    using pointer = std::shared_ptr<gr::basic_block>;
    const auto places = [](const py::object& object) {
        return reinterpret_cast<py::detail::instance*>(object.ptr())->get_value_and_holder();
    };
    auto made =
        py::reinterpret_steal<py::object>(py::detail::make_new_instance(Py_TYPE(instance.ptr())));
    auto from = places(instance), to = places(made);
    to.value_ptr() = from.value_ptr();
    new (std::addressof(to.holder<pointer>()))
        pointer(instance.cast<pointer>().get(), let_go{ owner.inc_ref().ptr() });
    to.set_holder_constructed();
    return made;
}

template <class Port>
void msg_connect_inside(gr::hier_block2& hier,
                        gr::basic_block_sptr source,
                        const Port& source_port,
                        gr::basic_block_sptr sink,
                        const Port& sink_port)
{
    for (auto* end : { &source, &sink })
        if (end->get() == &hier)
            *end = gr::sr2cnn::unowned(hier);
    hier.msg_connect(source, source_port, sink, sink_port);
}

} // namespace

void bind_lifetime(py::module& m)
{
    py::module::import("gnuradio.gr"); // the base classes

    m.def("held", &held, py::arg("block"), py::arg("owner"));
    m.def("msg_connect_inside", &msg_connect_inside<std::string>);
    m.def("msg_connect_inside", &msg_connect_inside<pmt::pmt_t>);

    py::class_<message_gateway, gr::block, gr::basic_block, std::shared_ptr<message_gateway>>(
        m, "message_gateway")
        .def(py::init([](const py::object& owner, const std::string& name) {
                 return gnuradio::make_block_sptr<message_gateway>(owner, name);
             }),
             py::arg("owner"),
             py::arg("name"))
        .def_property_readonly("logger", &message_gateway::logger)
        .def("set_msg_handler_pybind",
             &message_gateway::set_python_handler,
             py::arg("port"),
             py::arg("handler"));
}
