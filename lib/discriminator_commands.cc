/* -*- c++ -*- */
// SPDX-License-Identifier: GPL-3.0-or-later
//
// What the discriminator does with messages at its port cmd. They come from anyone, with values of any type.

#include "discriminator_impl.h"
#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace gr {
namespace sr2cnn {

namespace {

const auto PORT_STATUS = pmt::intern("status");
const auto KEY_FORGOTTEN = pmt::intern("forgotten");

// The value of a command as a T; throws std::invalid_argument where it is none.
template <typename T>
T value_as(const pmt::pmt_t& value)
{
    if constexpr (std::is_same_v<T, std::string>) {
        if (!pmt::is_symbol(value))
            throw std::invalid_argument("expected a text");
        return pmt::symbol_to_string(value);
    } else if constexpr (std::is_same_v<T, std::optional<int>>) {
        return pmt::is_null(value) ? std::nullopt : std::optional(value_as<int>(value));
    } else if constexpr (std::is_same_v<T, int>) {
        const double number = value_as<double>(value);
        if (number != std::floor(number) || std::abs(number) > 1e9)
            throw std::invalid_argument("expected a whole number");
        return int(number);
    } else if constexpr (std::is_same_v<T, bool>) {
        if (!pmt::is_bool(value))
            throw std::invalid_argument("expected true or false");
        return pmt::to_bool(value);
    } else {
        if (pmt::is_uint64(value))
            return double(pmt::to_uint64(value));
        if (!pmt::is_real(value) && !pmt::is_integer(value))
            throw std::invalid_argument("expected a number");
        return pmt::to_double(value);
    }
}

pmt::pmt_t entry(const pmt::pmt_t& dict, const char* key)
{
    const auto name = pmt::intern(key);
    if (!pmt::is_dict(dict) || !pmt::dict_has_key(dict, name))
        throw std::invalid_argument(std::string("expected a dict with '") + key + "'");
    return pmt::dict_ref(dict, name, pmt::PMT_NIL);
}

// A parameter's value as the type that it has among an owner's; none where it is not one of them.
template <class Owner>
std::optional<parameter_value> value_for(const std::string& name, const pmt::pmt_t& value)
{
    std::optional<parameter_value> converted;
    with_parameter<Owner>(name, [&](const auto& one) {
        converted = value_as<typename std::decay_t<decltype(one)>::type>(value);
    });
    return converted;
}

} // namespace

void discriminator_impl::handle_cmd(const pmt::pmt_t& message)
{
    lock guard(d_mutex);
    auto commands = message;
    if (pmt::is_pair(message) && !pmt::is_dict(message))
        commands = pmt::dict_add(pmt::make_dict(), pmt::car(message), pmt::cdr(message));
    if (!pmt::is_dict(commands)) {
        refuse("expected a dict of commands", message);
        return;
    }

    const auto items = pmt::dict_items(commands);
    for (std::size_t i = 0; i < pmt::length(items); i++) {
        const auto command = pmt::car(pmt::nth(i, items));
        const auto value = pmt::cdr(pmt::nth(i, items));
        std::string name = "?";
        try {
            const auto text = value_as<std::string>(command);
            name = shown(text, 60);
            execute(text, value);
        } catch (const std::exception& e) {
            refuse(name + ": " + e.what(), pmt::dict_add(pmt::make_dict(), command, value));
        }
    }
}

void discriminator_impl::refuse(const std::string& error, const pmt::pmt_t& command)
{
    d_logger->error("cmd {}: {}", shown(pmt::write_string(command), 200), shown(error, 1000));
    auto status = pmt::make_dict();
    status = pmt::dict_add(status, pmt::intern("error"), pmt::intern(error));
    status = pmt::dict_add(status, pmt::intern("command"), command);
    message_port_pub(PORT_STATUS, status);
}

void discriminator_impl::execute(const std::string& command, const pmt::pmt_t& value)
{
    if (const auto converted = value_for<discriminator_parameters>(command, value))
        change(command, *converted);
    else if (const auto converted = value_for<discriminator_reporting>(command, value))
        change(command, *converted);
    else if (command == "freeze")
        d_core.freeze(value_as<bool>(value));
    else if (command == "save")
        d_core.save(value_as<std::string>(value));
    else if (command == "rename")
        rename(value);
    else if (command == "merge")
        merge(value);
    else if (command == "forget")
        forget(value);
    else if (command == "load")
        load(value_as<std::string>(value));
    else
        throw std::invalid_argument("there is no such command");
}

// The commands below change what a label means: the run so far keeps the old one.

void discriminator_impl::rename(const pmt::pmt_t& value)
{
    const auto name = value_as<std::string>(entry(value, "name"));
    const bool by_id = pmt::dict_has_key(value, pmt::intern("id"));
    const int id = discovered_id(entry(value, by_id ? "id" : "label"));
    end_run();
    d_core.rename(id, name);
}

void discriminator_impl::merge(const pmt::pmt_t& value)
{
    const int from = discovered_id(entry(value, "from"));
    const int into = discovered_id(entry(value, "into"));
    end_run();
    d_core.merge(from, into);
    publish_merge(from, into);
}

void discriminator_impl::forget(const pmt::pmt_t& value)
{
    const auto ids = ids_to_forget(value);
    end_run();
    for (const int id : ids)
        d_core.forget(id);
    publish_status(KEY_FORGOTTEN, pmt::init_s32vector(ids.size(), ids));
}

void discriminator_impl::load(const std::string& path)
{
    end_run();
    take_restored(d_core.load(path));
}

int discriminator_impl::discovered_id(const pmt::pmt_t& id_or_label) const
{
    if (!pmt::is_symbol(id_or_label))
        return value_as<int>(id_or_label);
    const auto label = pmt::symbol_to_string(id_or_label);
    for (const auto& known : d_core.discovered())
        if (known.name == label)
            return known.id;
    throw std::invalid_argument("there is no discovered class '" + shown(label, 60) + "'");
}

// "all" are all of them, unless one is called so.
std::vector<int> discriminator_impl::ids_to_forget(const pmt::pmt_t& id_or_label) const
{
    const auto& classes = d_core.discovered();
    const bool all = pmt::eq(id_or_label, pmt::intern("all")) &&
                     std::none_of(classes.begin(), classes.end(), [](const auto& known) {
                         return known.name == "all";
                     });
    if (!all)
        return { discovered_id(id_or_label) };
    std::vector<int> ids;
    for (const auto& known : classes)
        ids.push_back(known.id);
    return ids;
}

} // namespace sr2cnn
} // namespace gr
