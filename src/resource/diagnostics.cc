#include "resource/diagnostics.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/text.h"

namespace millrace::resource {

std::string Diagnostic::ToString() const {
  std::string text;
  if (!mark.file.empty()) {
    text += mark.line > 0 ? fmt::format("{}:{}:{}: ", mark.file, mark.line, mark.column) : mark.file + ": ";
  } else if (mark.line > 0) {
    text += fmt::format("line {}, column {}: ", mark.line, mark.column);
  }
  if (!resource.empty()) text += resource + ": ";
  if (!field.empty()) text += field + ": ";
  return text + message;
}

std::vector<FieldProblem> Below(std::string_view parent, std::vector<FieldProblem> problems) {
  for (FieldProblem& problem : problems) {
    const bool direct = problem.field.empty() || problem.field.front() == '[';
    problem.field = fmt::format("{}{}{}", parent, direct ? "" : ".", problem.field);
  }
  return problems;
}

Status ToStatus(std::span<const FieldProblem> problems) {
  std::vector<std::string> lines;
  for (const FieldProblem& problem : problems) {
    lines.push_back(problem.field.empty() ? problem.message : problem.field + ": " + problem.message);
  }
  return lines.empty() ? Ok() : Status(Code::kInvalidArgument, Join(lines, "\n"));
}

std::vector<FieldProblem> FieldProblems(const Status& status, std::string_view root) {
  std::vector<FieldProblem> problems;
  if (status.ok()) return problems;
  for (const std::string& line : Split(status.message(), '\n')) {
    const size_t colon = line.find(": ");
    const bool field = line.starts_with(root) && colon != std::string::npos &&
                       (colon == root.size() || line[root.size()] == '.' || line[root.size()] == '[');
    if (field) {
      problems.push_back({line.substr(0, colon), line.substr(colon + 2)});
    } else if (problems.empty()) {
      problems.push_back({std::string(root), line});
    } else {
      problems.back().message += "\n" + line;
    }
  }
  return problems;
}

void Diagnostics::Add(Diagnostic diagnostic) { items_.push_back(std::move(diagnostic)); }

void Diagnostics::Append(const Diagnostics& other) {
  items_.insert(items_.end(), other.items_.begin(), other.items_.end());
}

void Diagnostics::Sort() {
  const auto key = [](const Diagnostic& d) {
    return std::tie(d.mark.file, d.mark.line, d.mark.column, d.resource, d.field, d.message);
  };
  std::stable_sort(items_.begin(), items_.end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return key(a) < key(b); });
  items_.erase(std::unique(items_.begin(), items_.end(),
                           [&](const Diagnostic& a, const Diagnostic& b) { return key(a) == key(b); }),
               items_.end());
}

std::string Diagnostics::ToString() const {
  std::string text;
  for (const Diagnostic& item : items_) text += item.ToString() + "\n";
  return text;
}

Status Diagnostics::ToStatus() const {
  if (items_.empty()) return Ok();
  std::string text = ToString();
  text.pop_back();
  return Status(Code::kInvalidArgument, std::move(text));
}

}  // namespace millrace::resource
