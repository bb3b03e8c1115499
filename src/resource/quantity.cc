#include <array>
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

#include "resource/decode.h"
#include "resource/structure.h"

namespace millrace::resource {
namespace {

// Kubernetes' suffixes for bytes; the binary ones first, largest first, as FormatQuantity writes them.
constexpr std::array<std::pair<std::string_view, int64_t>, 9> kSuffixes = {{{"Ti", int64_t{1} << 40},
                                                                            {"Gi", int64_t{1} << 30},
                                                                            {"Mi", int64_t{1} << 20},
                                                                            {"Ki", int64_t{1} << 10},
                                                                            {"T", 1'000'000'000'000},
                                                                            {"G", 1'000'000'000},
                                                                            {"M", 1'000'000},
                                                                            {"k", 1'000},
                                                                            {"", 1}}};

}  // namespace

Result<int64_t> ParseQuantity(std::string_view text) {
  const auto bad = [&] {
    return InvalidArgument("'{}' is not a quantity: write it as 2Gi, 512Mi, 1.5G or 4096",
                           text.substr(0, 60));
  };
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number)) return bad();
  const std::string_view suffix = text.substr(static_cast<size_t>(end - text.data()));
  for (const auto& [name, factor] : kSuffixes) {
    if (name != suffix) continue;
    const double bytes = number * static_cast<double>(factor);
    if (bytes < 0) return InvalidArgument("'{}' is negative", text);
    if (bytes >= 9.2e18) return InvalidArgument("'{}' is more than Millrace can count (8 EiB)", text);
    return static_cast<int64_t>(std::ceil(bytes));
  }
  return bad();
}

std::string FormatQuantity(int64_t bytes) {
  for (const auto& [name, factor] : kSuffixes) {
    if (name.size() == 2 && bytes != 0 && bytes % factor == 0)
      return fmt::format("{}{}", bytes / factor, name);
  }
  return fmt::format("{}", bytes);
}

Result<ModelReference> ParseModelReference(std::string_view text) {
  const auto bad = [&] {
    return InvalidArgument(
        "'{}' is no reference to a model's version: write fraud@champion, fraud:3 or fraud",
        text.substr(0, 60));
  };
  const size_t split = text.find_first_of("@:");
  ModelReference reference;
  reference.model = text.substr(0, split);
  if (!IsDnsLabel(reference.model)) return bad();
  if (split == std::string_view::npos) {
    reference.alias = "champion";
    return reference;
  }
  const std::string_view rest = text.substr(split + 1);
  if (text[split] == '@') {
    if (!IsDnsLabel(rest)) return bad();
    reference.alias = rest;
    return reference;
  }
  int64_t version = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), version);
  if (error != std::errc() || end != rest.data() + rest.size() || version < 1) return bad();
  reference.version = version;
  return reference;
}

std::string FeatureColumnName(std::string_view feature, Micros window) {
  return fmt::format("{}_{}", feature, FormatDuration(window));
}

}  // namespace millrace::resource
