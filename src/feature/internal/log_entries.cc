#include "feature/internal/log_entries.h"

#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "base/json.h"
#include "feature/internal/event_log.h"

namespace millrace::feature {
namespace {

Json JsonOf(const Value& value) {
  switch (value.index()) {
    case 1:
      return std::get<1>(value);
    case 2:
      return std::get<2>(value);
    case 3:
      if (std::isfinite(std::get<3>(value))) return std::get<3>(value);
      break;
    case 0:
      return nullptr;
    default:
      break;
  }
  return ToText(value);
}

// Visits one segment's entries; returns the position after the last.
Result<uint64_t> ReadOne(const LogSegment& segment, const SourcePlan& source, uint64_t from, uint64_t until,
                         std::optional<uint64_t> following,
                         const std::function<Status(uint64_t, const LogEntry&)>& visit) {
  constexpr uint64_t kMaxSegment = uint64_t{4} << 30;
  MR_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(segment.path, kMaxSegment));
  MR_ASSIGN_OR_RETURN(const std::string header, ReadSegmentHeader(bytes, segment.path));
  MR_ASSIGN_OR_RETURN(const Json json, ParseJson(header));
  MR_ASSIGN_OR_RETURN(SourcePlan written, SourceFromJson(json));
  const EntryReader reader(std::move(written), source);
  MR_ASSIGN_OR_RETURN(const SegmentRead read,
                      ReadSegmentBytes(bytes, segment.path, from, following,
                                       [&](uint64_t position, std::string_view record) -> Status {
                                         if (position >= until) return Ok();
                                         MR_ASSIGN_OR_RETURN(const std::optional<LogEntry> entry,
                                                             reader.Read(record));
                                         return entry ? visit(position, *entry) : Ok();
                                       }));
  return read.next;
}

}  // namespace

DataType IdType(const SourcePlan& source) {
  return source.event_id ? source.schema[*source.event_id].type : DataType::kInt64;
}

Result<Table> InSourceOrder(const SourcePlan& source, const Table& events) {
  std::vector<Column> columns;
  for (const Field& field : source.schema.fields()) {
    const auto found = events.schema().Find(field.name);
    if (!found && !source.known_after.contains(field.name)) {
      return InvalidArgument("the events have no column '{}', which {} has", field.name, source.name);
    }
    if (found && events.column(*found).type() != field.type) {
      return InvalidArgument("{} is {} in the events, and {} in {}", field.name,
                             DataTypeName(events.column(*found).type()), DataTypeName(field.type),
                             source.name);
    }
    columns.push_back(found ? events.column(*found) : Column::Nulls(field.type, events.num_rows()));
  }
  return Table::Create(source.schema, std::move(columns));
}

EntryReader::EntryReader(SourcePlan written, const SourcePlan& source)
    : written_(std::move(written)), source_(source), same_(written_.schema == source.schema) {
  for (const Field& field : written_.schema.fields()) {
    std::optional<size_t> column = source.schema.Find(field.name);
    if (column && source.schema[*column].type != field.type) column.reset();
    columns_.push_back(column);
  }
}

Result<std::optional<LogEntry>> EntryReader::Read(std::string_view record) const {
  MR_ASSIGN_OR_RETURN(LogEntry entry, DecodeEntry(record, written_.schema, IdType(written_)));
  const bool same_ids = IdType(written_) == IdType(source_);
  if (entry.kind == LogEntry::Kind::kLateColumns && !same_ids) return std::optional<LogEntry>();
  if (same_ || entry.kind == LogEntry::Kind::kUnusedRow) return std::optional<LogEntry>(std::move(entry));
  std::vector<Cell> row(entry.kind == LogEntry::Kind::kEvent ? source_.schema.size() : 0);
  for (size_t i = 0; i < entry.row.size(); ++i) {
    if (columns_[i]) row[*columns_[i]] = entry.row[i];
  }
  entry.row = std::move(row);
  std::vector<ColumnCell> columns;
  for (const auto& [column, cell] : entry.columns) {
    if (columns_[column]) columns.emplace_back(*columns_[column], cell);
  }
  entry.columns = std::move(columns);
  return std::optional<LogEntry>(std::move(entry));
}

Result<EntriesRead> ReadEntries(const std::string& directory, const SourcePlan& source, uint64_t from,
                                uint64_t until,
                                const std::function<Status(uint64_t, const LogEntry&)>& visit) {
  MR_ASSIGN_OR_RETURN(const std::vector<LogSegment> segments, ListSegments(directory));
  EntriesRead result{from, 0};
  if (!segments.empty() && segments.front().first > from) {
    result.missing = std::min(segments.front().first, until) - from;
  }
  for (size_t i = 0; i < segments.size(); ++i) {
    const bool last = i + 1 == segments.size();
    if (segments[i].first >= until && i > 0) break;
    std::optional<uint64_t> following;
    if (!last) following = segments[i + 1].first;
    if (following && *following <= from) continue;
    MR_ASSIGN_OR_RETURN(const uint64_t next, ReadOne(segments[i], source, from, until, following, visit));
    result.next = std::max(result.next, std::min(next, until));
  }
  return result;
}

std::string RowText(std::span<const Cell> row, const Schema& schema) {
  Json object = Json::object();
  for (size_t i = 0; i < row.size(); ++i) object[schema[i].name] = JsonOf(ToValue(row[i], schema[i].type));
  return FormatJson(object);
}

std::string CutText(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) --bytes;
  return std::string(text.substr(0, bytes));
}

}  // namespace millrace::feature
