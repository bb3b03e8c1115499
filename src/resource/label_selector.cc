#include <algorithm>
#include <utility>

#include "base/text.h"
#include "resource/resource.h"

namespace millrace::resource {
namespace {

constexpr size_t kMaxLength = 4096;
constexpr std::string_view kHelp =
    "write it as app=fraud, app!=fraud, app, !app, app in (a,b) or app notin (a,b)";

std::string Trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

// At the commas that stand outside parentheses.
std::vector<std::string> SplitRequirements(std::string_view text) {
  std::vector<std::string> parts(1);
  bool inside = false;
  for (const char c : text) {
    if (c == '(') inside = true;
    if (c == ')') inside = false;
    if (c == ',' && !inside) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

bool IsLabelText(std::string_view text) {
  return text.size() <= 253 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '_' || c == '.' || c == '/';
         });
}

}  // namespace

Result<LabelSelector::Requirement> LabelSelector::ParseRequirement(std::string_view text) {
  Requirement requirement;
  const auto take = [&](size_t key_end, Operator op, std::string_view values, bool set) {
    requirement.key = Trim(text.substr(0, key_end));
    requirement.op = op;
    if (!set) {
      requirement.values = {Trim(values)};
      return;
    }
    for (const std::string& value : Split(values, ',')) requirement.values.push_back(Trim(value));
  };
  const size_t open = text.find('(');
  if (open != std::string_view::npos) {
    const std::string head = Trim(text.substr(0, open));
    const std::string tail = Trim(text.substr(open));
    const size_t space = head.find_last_of(" \t");
    const std::string word = space == std::string::npos ? "" : head.substr(space + 1);
    if ((word != "in" && word != "notin") || tail.back() != ')') {
      return InvalidArgument("'{}' is not a label selector: {}", text, kHelp);
    }
    take(text.find(head) + space, word == "in" ? Operator::kIn : Operator::kNotIn,
         std::string_view(tail).substr(1, tail.size() - 2), true);
  } else if (const size_t unequal = text.find("!="); unequal != std::string_view::npos) {
    take(unequal, Operator::kNotIn, text.substr(unequal + 2), false);
  } else if (const size_t equal = text.find('='); equal != std::string_view::npos) {
    const bool twice = text.substr(equal).starts_with("==");
    take(equal, Operator::kIn, text.substr(equal + (twice ? 2 : 1)), false);
  } else {
    const std::string key = Trim(text);
    const bool absent = key.starts_with('!');
    requirement.op = absent ? Operator::kNotExists : Operator::kExists;
    requirement.key = Trim(std::string_view(key).substr(absent ? 1 : 0));
  }
  const bool valid = !requirement.key.empty() && IsLabelText(requirement.key) &&
                     std::all_of(requirement.values.begin(), requirement.values.end(), IsLabelText);
  if (!valid) return InvalidArgument("'{}' is not a label selector: {}", text, kHelp);
  return requirement;
}

Result<LabelSelector> LabelSelector::Parse(std::string_view text) {
  if (text.size() > kMaxLength)
    return InvalidArgument("the label selector is longer than {} bytes", kMaxLength);
  LabelSelector selector;
  if (Trim(text).empty()) return selector;
  for (const std::string& part : SplitRequirements(text)) {
    MR_ASSIGN_OR_RETURN(Requirement requirement, ParseRequirement(part));
    selector.requirements_.push_back(std::move(requirement));
  }
  return selector;
}

bool LabelSelector::Matches(const Json& labels) const {
  return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& requirement) {
    const auto found = labels.is_object() ? labels.find(requirement.key) : labels.end();
    const bool exists = labels.is_object() && found != labels.end();
    const bool in = exists && found->is_string() &&
                    std::find(requirement.values.begin(), requirement.values.end(),
                              found->get_ref<const std::string&>()) != requirement.values.end();
    switch (requirement.op) {
      case Operator::kIn:
        return in;
      case Operator::kNotIn:
        return !in;
      case Operator::kExists:
        return exists;
      case Operator::kNotExists:
        return !exists;
    }
    return false;
  });
}

}  // namespace millrace::resource
