#include "feature/internal/event_codec.h"

#include "feature/internal/byte_codec.h"

namespace millrace::feature {
namespace {

constexpr uint8_t kEvent = 1;
constexpr uint8_t kLateColumns = 2;
constexpr uint8_t kUnusedRow = 3;

void PutCell(ByteWriter& writer, const Cell& cell, DataType type) {
  writer.Put(static_cast<uint8_t>(cell.is_null() ? 0 : 1));
  if (cell.is_null()) return;
  if (type == DataType::kString) {
    writer.PutText(cell.text());
  } else if (type == DataType::kBool) {
    writer.Put(static_cast<uint8_t>(cell.boolean != 0 ? 1 : 0));
  } else {
    writer.Put(cell.integer);
  }
}

Cell GetCell(ByteReader& reader, DataType type) {
  if (reader.Get<uint8_t>() == 0) return Cell();
  if (type == DataType::kString) return Cell::Text(reader.GetText());
  if (type == DataType::kBool) return Cell::Bool(reader.Get<uint8_t>() != 0);
  return Cell::Int(reader.Get<int64_t>());  // the bits of a double, too
}

}  // namespace

std::string EncodeEvent(std::span<const Cell> row, const Schema& schema) {
  std::string bytes;
  bytes.reserve(1 + row.size() * 9);
  ByteWriter writer(bytes);
  writer.Put(kEvent);
  for (size_t i = 0; i < row.size(); ++i) PutCell(writer, row[i], schema[i].type);
  return bytes;
}

std::string EncodeLateColumns(const Cell& id, DataType id_type, std::span<const ColumnCell> columns,
                              const Schema& schema) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.Put(kLateColumns);
  PutCell(writer, id, id_type);
  writer.Put(static_cast<uint64_t>(columns.size()));
  for (const auto& [column, cell] : columns) {
    writer.Put(static_cast<uint32_t>(column));
    PutCell(writer, cell, schema[column].type);
  }
  return bytes;
}

std::string EncodeUnusedRow(const UnusedRow& row) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.Put(kUnusedRow);
  writer.PutText(row.origin);
  writer.Put(row.row);
  writer.PutText(row.reason);
  writer.PutText(row.text);
  return bytes;
}

Result<LogEntry> DecodeEntry(std::string_view payload, const Schema& schema, DataType id_type) {
  ByteReader reader(payload);
  const uint8_t kind = reader.Get<uint8_t>();
  LogEntry entry;
  if (kind == kEvent) {
    entry.row.resize(schema.size());
    for (size_t i = 0; i < schema.size(); ++i) entry.row[i] = GetCell(reader, schema[i].type);
  } else if (kind == kLateColumns) {
    entry.kind = LogEntry::Kind::kLateColumns;
    entry.id = GetCell(reader, id_type);
    const uint64_t count = reader.GetCount(5);
    for (uint64_t i = 0; i < count && reader.ok(); ++i) {
      const uint32_t column = reader.Get<uint32_t>();
      if (column >= schema.size()) return DataLoss("a record names column {} of {}", column, schema.size());
      entry.columns.emplace_back(column, GetCell(reader, schema[column].type));
    }
    if (entry.id.is_null()) return DataLoss("a record of late columns has no id");
  } else if (kind == kUnusedRow) {
    entry.kind = LogEntry::Kind::kUnusedRow;
    entry.unused.origin = reader.GetText();
    entry.unused.row = reader.Get<int64_t>();
    entry.unused.reason = reader.GetText();
    entry.unused.text = reader.GetText();
  } else {
    return DataLoss("a record is of the unknown kind {}", kind);
  }
  if (!reader.ok() || reader.left() != 0)
    return DataLoss("a record has other columns than its segment's schema");
  return entry;
}

}  // namespace millrace::feature
