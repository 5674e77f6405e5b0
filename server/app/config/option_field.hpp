#pragma once

#include "config/daemon_config.hpp"
#include "config/option_kinds.hpp"

#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace finpost {

/// What a setting is about. In a file with tables, those of a listener stand in `[[listeners]]`,
/// those of an upstream in `[upstreams.NAME]`.
enum class option_scope { process, listener, upstream };

/// The field of `daemon_config` that an option sets, as functions on texts.
struct option_field {
    option_scope scope;
    bool list; ///< each text is one more value, and the first takes the place of the default
    option_bound bound;
    /// Puts a value into the field, or adds it to a list; what is wrong with the text, or nothing.
    std::string (*set)(daemon_config& into, std::string_view text);
    /// Leaves a list empty, and any other field as it is: before the first `set`.
    void (*clear)(daemon_config& into);
    /// What `set` would have to be told for what is there, one text for each value of a list.
    /// Nothing where that is in force when the option is left out.
    std::vector<std::string> (*texts)(const daemon_config& from);
    /// Copies the value; whether it was another one.
    bool (*take)(daemon_config& into, const daemon_config& from);
    /// A text as it may be shown, without its secrets; null where there are none.
    std::string (*mask)(std::string_view text);
};

template <class Value>
constexpr bool is_list = false;
template <class Value>
constexpr bool is_list<std::vector<Value>> = true;

template <class Value>
void append(std::vector<Value>& all, Value value) {
    all.push_back(std::move(value));
}
template <class Value>
void append(std::vector<Value>& all, const std::vector<Value>& more) {
    all.insert(all.end(), more.begin(), more.end());
}

/// The functions of an `option_field`, of the kind of its values and of where it is: a member of
/// one of the structures, or a member of that member.
template <class Kind, auto Member, auto... Inner>
class field_access {
    template <class Structure, class Value>
    static Structure structure_of(Value Structure::*);
    using structure = decltype(structure_of(Member));

    // Of a configuration that is const, and of one that is not.
    template <class Config>
    static auto& value(Config& all) {
        const auto member = [](auto& in) -> auto& { return ((in.*Member).*....*Inner); };
        if constexpr (std::is_same_v<structure, gateway_config>)
            return member(all.gateway);
        else if constexpr (std::is_same_v<structure, upstream_config>)
            return member(all.upstream);
        else if constexpr (std::is_same_v<structure, log_config>)
            return member(all.log);
        else if constexpr (std::is_same_v<structure, queue_settings>)
            return member(all.queue);
        else if constexpr (std::is_same_v<structure, listener_delivery>)
            return member(all.of_listener);
        else if constexpr (std::is_same_v<structure, upstream_delivery>)
            return member(all.of_upstream);
        else
            return member(all);
    }

    static std::string set(daemon_config& into, std::string_view text) {
        auto read = Kind::parse(text);
        if (!read) return read.error().message;
        if constexpr (list)
            append(value(into), *std::move(read));
        else
            value(into) = *std::move(read);
        return {};
    }

    static void clear(daemon_config& into) {
        if constexpr (list) value(into).clear();
    }

    static std::vector<std::string> texts(const daemon_config& from) {
        std::vector<std::string> out;
        const auto print = [&out](const auto& element) {
            if (std::string text = Kind::print(element); !text.empty())
                out.push_back(std::move(text));
        };
        if constexpr (list)
            for (const auto& element : value(from)) print(element);
        else
            print(value(from));
        return out;
    }

    static bool take(daemon_config& into, const daemon_config& from) {
        if (value(into) == value(from)) return false;
        value(into) = value(from);
        return true;
    }

    static constexpr option_scope scope() {
        if (std::is_same_v<structure, gateway_config> ||
            std::is_same_v<structure, listener_delivery>)
            return option_scope::listener;
        const bool upstream = std::is_same_v<structure, upstream_config> ||
                              std::is_same_v<structure, upstream_delivery>;
        return upstream ? option_scope::upstream : option_scope::process;
    }

    static constexpr option_bound bound() {
        if constexpr (requires { Kind::bound; })
            return Kind::bound;
        else
            return {};
    }

    static constexpr auto mask() -> std::string (*)(std::string_view) {
        if constexpr (requires { Kind::mask; })
            return Kind::mask;
        else
            return nullptr;
    }

    static constexpr bool list =
        is_list<std::remove_cvref_t<decltype(value(std::declval<daemon_config&>()))>>;

public:
    static constexpr option_field make() {
        return {scope(), list, bound(), set, clear, texts, take, mask()};
    }
};

/// `field<kind::size, &gateway_config::max_payload>`.
template <class Kind, auto... Members>
constexpr option_field field = field_access<Kind, Members...>::make();

} // namespace finpost
