#include "base/json.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace millrace {
namespace {

// Builds the value while it watches depth and keys, so that neither deep
// nesting nor a doubled key gets as far as a value.
class Builder : public nlohmann::json_sax<Json> {
 public:
  explicit Builder(int max_depth) : max_depth_(max_depth), dom_(root_, false) {}

  Json Take() { return std::move(root_); }
  const std::string& problem() const { return problem_; }
  size_t position() const { return position_; }

  bool null() override { return dom_.null(); }
  bool boolean(bool v) override { return dom_.boolean(v); }
  bool number_integer(number_integer_t v) override { return dom_.number_integer(v); }
  bool number_unsigned(number_unsigned_t v) override { return dom_.number_unsigned(v); }
  bool number_float(number_float_t v, const string_t& s) override { return dom_.number_float(v, s); }
  bool string(string_t& v) override { return dom_.string(v); }
  bool binary(binary_t& v) override { return dom_.binary(v); }
  bool start_array(size_t n) override { return Deeper() && dom_.start_array(n); }
  bool end_array() override {
    --depth_;
    return dom_.end_array();
  }
  bool start_object(size_t n) override {
    keys_.emplace_back();
    return Deeper() && dom_.start_object(n);
  }
  bool end_object() override {
    --depth_;
    keys_.pop_back();
    return dom_.end_object();
  }
  bool key(string_t& name) override {
    if (!keys_.back().insert(name).second) {
      problem_ = fmt::format("the key \"{}\" stands twice in one object", name);
      return false;
    }
    return dom_.key(name);
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    position_ = position;
    const std::string_view text = error.what();
    const size_t colon = text.find(": ");
    problem_ = colon == std::string_view::npos ? text : text.substr(colon + 2);
    return false;
  }

 private:
  bool Deeper() {
    if (++depth_ <= max_depth_) return true;
    problem_ = fmt::format("it nests deeper than {} levels", max_depth_);
    return false;
  }

  const int max_depth_;
  int depth_ = 0;
  size_t position_ = 0;
  Json root_;
  nlohmann::detail::json_sax_dom_parser<Json> dom_;
  std::vector<std::set<std::string>> keys_;
  std::string problem_;
};

}  // namespace

Result<Json> ParseJson(std::string_view text, int max_depth) {
  Builder builder(max_depth);
  if (Json::sax_parse(text, &builder)) return builder.Take();
  if (builder.position() == 0) return InvalidArgument("not valid JSON: {}", builder.problem());
  const std::string_view before = text.substr(0, std::min(builder.position(), text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t last = before.rfind('\n');
  const size_t column = last == std::string_view::npos ? before.size() : before.size() - last - 1;
  return InvalidArgument("not valid JSON at line {}, column {}: {}", line, column, builder.problem());
}

std::string FormatJson(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

void MergePatch(Json& target, const Json& patch) { target.merge_patch(patch); }

Json MergeDiff(const Json& from, const Json& to) {
  Json patch = Json::object();
  for (const auto& [key, value] : from.items()) {
    if (!value.is_null() && !to.contains(key)) patch[key] = nullptr;
  }
  for (const auto& [key, value] : to.items()) {
    const auto before = from.find(key);
    if (before == from.end()) {
      if (!value.is_null()) patch[key] = value;
    } else if (before->is_object() && value.is_object()) {
      Json inner = MergeDiff(*before, value);
      if (!inner.empty()) patch[key] = std::move(inner);
    } else if (*before != value) {
      patch[key] = value;
    }
  }
  return patch;
}

}  // namespace millrace
