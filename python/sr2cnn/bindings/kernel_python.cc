/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later

#include "conversions.h"
#include "discriminator_core.h"
#include <mutex>

namespace py = pybind11;
using namespace gr::sr2cnn;

namespace {

// The core with what Python needs: scores of the last call, and a lock, because predict works
// without the GIL.
class kernel
{
public:
    explicit kernel(const discriminator_options& options) : d_core(options) {}

    // Calls f with the core, locked. The GIL goes first: a predict that holds the lock never
    // waits for the GIL with it.
    template <typename F>
    auto with(F f)
    {
        std::unique_lock<std::mutex> lock(d_mutex, std::defer_lock);
        {
            py::gil_scoped_release released;
            lock.lock();
        }
        return f(d_core);
    }

    py::array_t<std::int64_t> predict(const py::object& array_like)
    {
        const auto z = py::array::ensure(array_like);
        if (!z)
            throw std::invalid_argument("z is no array of numbers");
        const std::size_t dim = d_core.dim();
        if (z.ndim() != 2 || std::size_t(z.shape(1)) != dim)
            throw std::invalid_argument("z has shape " + std::string(py::str(z.attr("shape"))) +
                                        ", expected (N, " + std::to_string(dim) + ")");
        const std::size_t n = z.shape(0);
        std::vector<decision> decisions(n);
        if (py::isinstance<py::array_t<float>>(z))
            run(py::array_t < float, py::array::c_style | py::array::forcecast > (z), decisions);
        else
            run(numbers(z), decisions);

        py::array_t<std::int64_t> ids(n);
        py::array_t<double> scores(n);
        for (std::size_t i = 0; i < n; i++) {
            ids.mutable_at(i) = decisions[i].id;
            scores.mutable_at(i) = decisions[i].score;
        }
        d_scores = scores;
        return ids;
    }

    py::array_t<double> scores() const { return d_scores; }

    std::vector<discovered_view> discovered()
    {
        return with([](discriminator_core& core) {
            std::vector<discovered_view> views;
            for (std::size_t i = 0; i < core.discovered().size(); i++) {
                const auto& known = core.discovered()[i];
                views.push_back({ known.id,
                                  known.name,
                                  py::array_t<double>(core.dim(), core.discovered_center(i)),
                                  known.count,
                                  known.first_frame,
                                  known.last_frame });
            }
            return views;
        });
    }

private:
    template <typename Array>
    void run(const Array& z, std::vector<decision>& decisions)
    {
        const auto* data = z.data();
        py::gil_scoped_release released;
        std::lock_guard<std::mutex> lock(d_mutex);
        d_core.predict(data, decisions.size(), decisions.data());
    }

    std::mutex d_mutex;
    discriminator_core d_core;
    py::array_t<double> d_scores{ 0 };
};

template <typename T>
auto reader(T (discriminator_core::*get)() const)
{
    return [get](kernel& k) {
        return k.with([get](discriminator_core& c) { return std::decay_t<T>((c.*get)()); });
    };
}

template <typename R, typename... Args>
auto method(R (discriminator_core::*call)(Args...))
{
    return [call](kernel& k, std::decay_t<Args>... args) {
        return k.with([&](discriminator_core& c) { return (c.*call)(args...); });
    };
}

} // namespace

void bind_kernel(py::module& m)
{
    using core = discriminator_core;

    py::class_<discovered_view>(m, "discovered_class", "A discovered class.")
        .def_readonly("id", &discovered_view::id)
        .def_readonly("name", &discovered_view::name)
        .def_readonly("center", &discovered_view::center, "(dim,) mean of its members")
        .def_readonly("count", &discovered_view::count)
        .def_readonly("first_frame", &discovered_view::first_frame)
        .def_readonly("last_frame", &discovered_view::last_frame)
        .def("__repr__", [](const discovered_view& d) {
            return "<discovered_class " + std::to_string(d.id) + " '" + d.name + "', " +
                   std::to_string(d.count) + " frames>";
        });

    py::class_<kernel> judge(m,
                             "discriminator_kernel",
                             "Algorithm 2 in C++, as sr2cnn_learn.discriminator.Discriminator: the "
                             "same arguments, results and errors.");
    for_each_parameter<discriminator_parameters>([&judge](const auto& one) {
        using type = typename std::decay_t<decltype(one)>::type;
        const auto get = [member = one.member](kernel& k) {
            return k.with([member](core& c) { return c.parameters().*member; });
        };
        if (one.fixed)
            judge.def_property_readonly(one.name, get);
        else
            judge.def_property(
                one.name, get, [name = one.name](kernel& k, const py::object& value) {
                    const parameter_value converted = value_as<type>(name, value);
                    k.with([&](core& c) { c.set(name, converted); });
                });
    });
    judge
        .def(py::init([](const numbers& centers,
                         const std::optional<numbers>& variances,
                         const py::args& positional,
                         const std::optional<numbers>& covariances,
                         const std::optional<numbers>& thresholds,
                         const std::vector<std::string>& classes,
                         std::optional<int> may_discover,
                         const py::kwargs& parameters) {
                 auto options = to_options(centers,
                                           variances,
                                           covariances,
                                           thresholds,
                                           to_parameters(positional, parameters));
                 options.classes = classes;
                 options.may_discover = may_discover;
                 return std::make_unique<kernel>(options);
             }),
             py::arg("centers"),
             py::arg("variances") = py::none(),
             py::arg("covariances") = py::none(),
             py::arg("thresholds") = py::none(),
             py::arg("classes") = std::vector<std::string>(),
             py::arg("may_discover") = py::none())
        .def("predict",
             &kernel::predict,
             py::arg("z"),
             "Class ids (N,) int64 of z (N, dim), in order; what was discovered carries over.")
        .def_property_readonly(
            "scores", &kernel::scores, "(N,) of the last call, below 1 means known")
        .def_property_readonly("discovered", &kernel::discovered)
        .def_property_readonly(
            "n_discovered",
            [](kernel& k) { return k.with([](core& c) { return c.discovered().size(); }); })
        .def_property_readonly("frames", reader(&core::frames))
        .def_property_readonly("invalid", reader(&core::invalid))
        .def_property_readonly("refused", reader(&core::refused))
        .def_property_readonly("frozen", reader(&core::frozen))
        .def_property_readonly("thresholds",
                               [](kernel& k) {
                                   return k.with([](core& c) {
                                       return py::array_t<double>(c.thresholds().size(),
                                                                  c.thresholds().data());
                                   });
                               })
        .def_property("may_discover", reader(&core::may_discover), method(&core::set_may_discover))
        .def("rename", method(&core::rename), py::arg("id"), py::arg("name"))
        .def("merge", method(&core::merge), py::arg("src"), py::arg("dst"))
        .def("forget", method(&core::forget), py::arg("id"))
        .def("freeze", method(&core::freeze), py::arg("on") = true)
        .def(
            "state",
            [](kernel& k) { return k.with([](core& c) { return c.state(); }); },
            "The discovered classes as a text.")
        .def("restore",
             method(&core::restore),
             py::arg("state"),
             "Replaces the discovered classes by those of a state of this model. A class whose\n"
             "name is refused keeps its default name; returns these refusals, in words.")
        .def_property_readonly("merged", reader(&core::merged))
        .def(
            "save",
            [](kernel& k, const std::string& path) { k.with([&](core& c) { c.save(path); }); },
            py::arg("path"),
            "Writes the discovered classes to a text file, whole or not at all.")
        .def("load",
             method(&core::load),
             py::arg("path"),
             "As restore, of a file written with this model.");
}
