#include "inference/internal/document.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace millrace::inference::internal {

bool IsIgnoredField(std::string_view key) {
  static constexpr std::array<std::string_view, 6> kIgnored = {
      "base_weights", "loss_changes", "sum_hessian", "parents", "cats", "iteration_indptr"};
  return std::find(kIgnored.begin(), kIgnored.end(), key) != kIgnored.end();
}

Result<float> ParseFloat(std::string_view text) {
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range && end == text.data() + text.size()) {
    // Too small is 0 or a denormal, which strtof rounds correctly; too large stays infinite.
    value = std::strtof(std::string(text).c_str(), nullptr);
  } else if (error != std::errc() || end != text.data() + text.size()) {
    return InvalidArgument("'{}' is not a number", text.substr(0, 40));
  }
  if (!std::isfinite(value)) return InvalidArgument("'{}' is not a finite float32", text.substr(0, 40));
  return value;
}

std::string_view Document::KindName() const {
  static constexpr std::array<std::string_view, 9> kNames = {"null",
                                                             "a boolean",
                                                             "a whole number",
                                                             "a number",
                                                             "text",
                                                             "an array",
                                                             "an object",
                                                             "an array of whole numbers",
                                                             "an array of numbers"};
  return kNames[value.index()];
}

const Document* Document::Find(std::string_view key) const {
  const auto* object = std::get_if<Object>(&value);
  if (object == nullptr) return nullptr;
  for (const DocumentField& field : *object) {
    if (field.key == key) return &field.value;
  }
  return nullptr;
}

Result<const Document*> Document::Get(std::string_view key, std::string_view where) const {
  if (!std::holds_alternative<Object>(value)) {
    return InvalidArgument("{} is {}; it should be an object with the field '{}'", where, KindName(), key);
  }
  const Document* found = Find(key);
  if (found == nullptr) return InvalidArgument("{} has no field '{}'", where, key);
  return found;
}

Result<int64_t> Document::AsInt(std::string_view where) const {
  if (const auto* number = std::get_if<int64_t>(&value)) return *number;
  if (const auto* text = std::get_if<std::string>(&value)) {
    int64_t parsed = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), parsed);
    if (error == std::errc() && end == text->data() + text->size()) return parsed;
  }
  return InvalidArgument("{} is {}; it should be a whole number", where, KindName());
}

Result<std::string_view> Document::AsText(std::string_view where) const {
  if (const auto* text = std::get_if<std::string>(&value)) return std::string_view(*text);
  return InvalidArgument("{} is {}; it should be text", where, KindName());
}

Result<std::vector<float>> Document::AsFloats(std::string_view where) const {
  if (const auto* floats = std::get_if<std::vector<float>>(&value)) return *floats;
  if (const auto* ints = std::get_if<std::vector<int64_t>>(&value)) {
    std::vector<float> converted(ints->size());
    std::transform(ints->begin(), ints->end(), converted.begin(),
                   [](int64_t i) { return static_cast<float>(i); });
    return converted;
  }
  if (const auto* array = std::get_if<Array>(&value); array != nullptr && array->empty()) {
    return std::vector<float>();
  }
  return InvalidArgument("{} is {}; it should be an array of numbers", where, KindName());
}

Result<std::vector<int64_t>> Document::AsInts(std::string_view where) const {
  if (const auto* ints = std::get_if<std::vector<int64_t>>(&value)) return *ints;
  if (const auto* array = std::get_if<Array>(&value)) {
    // Empty, or booleans: default_left in JSON of some versions.
    std::vector<int64_t> converted;
    converted.reserve(array->size());
    for (const Document& item : *array) {
      const auto* flag = std::get_if<bool>(&item.value);
      if (flag == nullptr) break;
      converted.push_back(*flag ? 1 : 0);
    }
    if (converted.size() == array->size()) return converted;
  }
  return InvalidArgument("{} is {}; it should be an array of whole numbers", where, KindName());
}

}  // namespace millrace::inference::internal
