// JSON documents as files of ours have them.
#pragma once
#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace raceline {

/// Parses a document; Json is nlohmann::json, which only readers of such documents include. What is no JSON,
/// what is nested deeper than `most_depth` (0: any), and a key that is given twice in one object, of which
/// only one could count, goes to fail(place, why), which throws: the place is "line 3", or empty where it is
/// not known.
template <class Json, class Fail>
Json parse_strict_json(std::string_view text, const Fail& fail, int most_depth = 0) {
  using Event = typename Json::parse_event_t;
  std::vector<std::set<std::string>> open;  // keys of the objects around
  const auto watch = [&](int depth, Event event, Json& parsed) {
    if (most_depth > 0 && depth > most_depth) fail("", "nested too deep");
    if (event == Event::object_start) open.emplace_back();
    if (event == Event::object_end) open.pop_back();
    if (event == Event::key) {
      const auto& key = parsed.template get_ref<const std::string&>();
      if (!open.back().insert(key).second)
        fail("", "the key '" + key.substr(0, 120) + "' is given twice in one object");
    }
    return true;
  };
  try {
    return Json::parse(text.begin(), text.end(), watch);
  } catch (const typename Json::parse_error& error) {
    const size_t end = std::min(error.byte, text.size());
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(end), '\n');
    fail("line " + std::to_string(line), "not JSON: " + std::string(error.what()).substr(0, 300));
  } catch (const typename Json::exception& error) {
    fail("", "not JSON: " + std::string(error.what()).substr(0, 300));
  }
  return {};
}

}  // namespace raceline
