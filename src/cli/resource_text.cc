#include "cli/resource_text.h"

#include <algorithm>

#include "base/json.h"
#include "base/text.h"
#include "cli/terminal.h"
#include "controller/ready.h"
#include "resource/resource.h"

namespace millrace::cli {
namespace {

std::string AgeOf(const Json& resource, EventTime now) {
  const Json created = resource::ValueAt(resource, "metadata.creationTimestamp");
  if (!created.is_string()) return "-";
  const Result<EventTime> time = ParseTime(created.get<std::string>());
  return time.ok() ? AgeText(now - *time) : "-";
}

// Fields below each other, two spaces a level.
void DescribeValue(const std::string& name, const Json& value, int level, std::string& out) {
  const std::string indent(static_cast<size_t>(level) * 2, ' ');
  if (value.is_object() && !value.empty()) {
    out += fmt::format("{}{}:\n", indent, name);
    for (const auto& [key, field] : value.items()) DescribeValue(key, field, level + 1, out);
    return;
  }
  const bool nested = value.is_array() && std::any_of(value.begin(), value.end(),
                                                      [](const Json& item) { return item.is_structured(); });
  if (!nested) {
    out += fmt::format("{}{}: {}\n", indent, name, CellText(value));
    return;
  }
  out += fmt::format("{}{}:\n", indent, name);
  for (const Json& item : value) {
    std::vector<std::string> parts;
    if (item.is_object()) {
      for (const auto& [key, field] : item.items())
        parts.push_back(fmt::format("{}={}", key, CellText(field)));
    } else {
      parts.push_back(CellText(item));
    }
    out += fmt::format("{}  - {}\n", indent, Join(parts, "  "));
  }
}

}  // namespace

std::string AgeText(Micros age) {
  const int64_t seconds = std::max<int64_t>(0, age.count() / 1'000'000);
  if (seconds < 120) return fmt::format("{}s", seconds);
  if (seconds < 2 * 3600) return fmt::format("{}m", seconds / 60);
  if (seconds < 2 * 86400) return fmt::format("{}h", seconds / 3600);
  return fmt::format("{}d", seconds / 86400);
}

std::string CellText(const Json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return controller::GroupDigits(value.get<int64_t>());
  if (value.is_number_float()) return fmt::format("{:.4g}", value.get<double>());
  if (value.is_array()) {
    std::vector<std::string> parts;
    for (const Json& item : value) parts.push_back(CellText(item));
    return Join(parts, ",");
  }
  return FormatJson(value);
}

std::vector<std::string> HeaderOf(const resource::Kind& kind, bool wide) {
  std::vector<std::string> header;
  for (const resource::PrinterColumn& column : kind.columns) {
    if (wide || !column.wide) header.push_back(column.name);
  }
  return header;
}

std::vector<std::string> RowOf(const resource::Kind& kind, const Json& resource, bool wide, EventTime now) {
  std::vector<std::string> row;
  for (const resource::PrinterColumn& column : kind.columns) {
    if (column.wide && !wide) continue;
    std::string cell =
        column.name == "AGE" ? AgeOf(resource, now) : CellText(resource::ValueAt(resource, column.path));
    if (column.name == "READY") cell = Coloured(cell == "True" ? Colour::kGreen : Colour::kYellow, cell);
    row.push_back(std::move(cell));
  }
  return row;
}

std::string Describe(const Json& resource, EventTime now) {
  std::string out;
  out += fmt::format("{} {}\n", CellText(resource::ValueAt(resource, "kind")),
                     Coloured(Colour::kBold, CellText(resource::ValueAt(resource, "metadata.name"))));
  const Json project = resource::ValueAt(resource, "metadata.namespace");
  if (project.is_string()) out += fmt::format("Project: {}\n", project.get<std::string>());
  out += fmt::format("Age: {}   Generation: {}   Resource version: {}\n", AgeOf(resource, now),
                     CellText(resource::ValueAt(resource, "metadata.generation")),
                     CellText(resource::ValueAt(resource, "metadata.resourceVersion")));
  const Json owners = resource::ValueAt(resource, "metadata.ownerReferences");
  if (owners.is_array() && !owners.empty()) DescribeValue("Belongs to", owners, 0, out);
  DescribeValue("Spec", resource::ValueAt(resource, "spec"), 0, out);
  Json status = resource::ValueAt(resource, "status");
  if (!status.is_object()) return out;
  const Json conditions = status.value("conditions", Json::array());
  status.erase("conditions");
  DescribeValue("Status", status, 0, out);
  out += "Conditions:\n";
  for (const Json& condition : conditions) {
    if (!condition.is_object()) continue;
    const std::string holds = condition.value("status", "Unknown");
    out += fmt::format("  {} {} ({})  {}\n", condition.value("type", ""),
                       Coloured(holds == "True" ? Colour::kGreen : Colour::kYellow, holds),
                       condition.value("reason", ""), condition.value("message", ""));
  }
  return out;
}

}  // namespace millrace::cli
