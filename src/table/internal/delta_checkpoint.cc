#include "table/internal/delta_checkpoint.h"

#include <arrow/array.h>
#include <arrow/builder.h>
#include <arrow/io/file.h>
#include <arrow/table.h>
#include <arrow/table_builder.h>
#include <arrow/util/key_value_metadata.h>
#include <fcntl.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/writer.h>
#include <parquet/exception.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/id.h"
#include "base/json.h"

namespace millrace::internal {
namespace {

// Arrow's names: the data types of Millrace are called the same.
namespace aw = ::arrow;

constexpr const char* kMark = "millrace.checkpoint";
constexpr const char* kForm = "1";
constexpr int64_t kMaxBytes = 1 << 30;
constexpr int64_t kMaxRows = 20'000'000;
constexpr int64_t kRowsAGroup = 1 << 17;

std::shared_ptr<aw::DataType> TextMap() { return aw::map(aw::utf8(), aw::utf8()); }

// Each action is a column, and each row has one of them. Readers expect all that the protocol names.
std::shared_ptr<aw::Schema> CheckpointSchema() {
  const auto txn = aw::struct_({aw::field("appId", aw::utf8()), aw::field("version", aw::int64())});
  const auto add = aw::struct_({aw::field("path", aw::utf8()), aw::field("partitionValues", TextMap()),
                                aw::field("size", aw::int64()), aw::field("modificationTime", aw::int64()),
                                aw::field("dataChange", aw::boolean()), aw::field("stats", aw::utf8())});
  const auto remove = aw::struct_({aw::field("path", aw::utf8()), aw::field("deletionTimestamp", aw::int64()),
                                   aw::field("dataChange", aw::boolean())});
  const auto format = aw::struct_({aw::field("provider", aw::utf8()), aw::field("options", TextMap())});
  const auto metadata =
      aw::struct_({aw::field("id", aw::utf8()), aw::field("name", aw::utf8()),
                   aw::field("description", aw::utf8()), aw::field("format", format),
                   aw::field("schemaString", aw::utf8()), aw::field("partitionColumns", aw::list(aw::utf8())),
                   aw::field("configuration", TextMap()), aw::field("createdTime", aw::int64())});
  const auto protocol =
      aw::struct_({aw::field("minReaderVersion", aw::int32()), aw::field("minWriterVersion", aw::int32())});
  return aw::schema({aw::field("txn", txn), aw::field("add", add), aw::field("remove", remove),
                     aw::field("metaData", metadata), aw::field("protocol", protocol)});
}

void Check(const aw::Status& status) {
  if (!status.ok()) throw parquet::ParquetException(status.ToString());
}

void AppendJson(aw::ArrayBuilder& builder, const Json& value);

void AppendObject(aw::StructBuilder& builder, const Json& object) {
  Check(builder.Append());
  for (int i = 0; i < builder.num_fields(); ++i) {
    const auto found = object.find(builder.type()->field(i)->name());
    AppendJson(*builder.field_builder(i), found == object.end() ? Json() : *found);
  }
}

// Whole numbers, bools, texts and objects as the column wants them; lists and maps are always empty.
void AppendJson(aw::ArrayBuilder& builder, const Json& value) {
  if (value.is_null()) {
    Check(builder.AppendNull());
    return;
  }
  switch (builder.type()->id()) {
    case aw::Type::STRING:
      Check(static_cast<aw::StringBuilder&>(builder).Append(value.get_ref<const std::string&>()));
      break;
    case aw::Type::INT64:
      Check(static_cast<aw::Int64Builder&>(builder).Append(value.get<int64_t>()));
      break;
    case aw::Type::INT32:
      Check(static_cast<aw::Int32Builder&>(builder).Append(value.get<int32_t>()));
      break;
    case aw::Type::BOOL:
      Check(static_cast<aw::BooleanBuilder&>(builder).Append(value.get<bool>()));
      break;
    case aw::Type::STRUCT:
      AppendObject(static_cast<aw::StructBuilder&>(builder), value);
      break;
    default:
      MR_CHECK(value.empty(), "a checkpoint of Millrace has no partitions and no configuration");
      Check(builder.AppendEmptyValue());
      break;
  }
}

std::shared_ptr<aw::Table> TableOf(const DeltaLogEntry& state) {
  const std::shared_ptr<aw::Schema> schema = CheckpointSchema();
  std::unique_ptr<aw::RecordBatchBuilder> rows;
  auto made = aw::RecordBatchBuilder::Make(schema, aw::default_memory_pool());
  Check(made.status());
  rows = std::move(made).ValueUnsafe();
  // The actions as a commit would have them: one form of each, whatever holds it.
  const std::string text = FormatLogEntry(state);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    Json action = ParseJson(std::string_view(text).substr(begin, end - begin)).value();
    begin = end + 1;
    const std::string name = action.begin().key();
    if (name == "commitInfo") continue;  // is of a commit, not of the state
    Json& fields = action.begin().value();
    if (fields.contains("dataChange")) fields["dataChange"] = false;
    for (int i = 0; i < schema->num_fields(); ++i) {
      AppendJson(*rows->GetField(i), schema->field(i)->name() == name ? fields : Json());
    }
  }
  auto batch = rows->Flush();
  Check(batch.status());
  auto table = aw::Table::FromRecordBatches(schema, {*batch});
  Check(table.status());
  return *table;
}

// Returns the number of rows.
int64_t WriteTo(const std::string& file, const DeltaLogEntry& state) {
  const std::shared_ptr<aw::Table> table = TableOf(state);
  auto sink = aw::io::FileOutputStream::Open(file);
  Check(sink.status());
  const auto properties = parquet::WriterProperties::Builder()
                              .compression(parquet::Compression::SNAPPY)
                              ->enable_page_checksum()
                              ->created_by("millrace")
                              ->build();
  auto writer =
      parquet::arrow::FileWriter::Open(*table->schema(), aw::default_memory_pool(), *sink, properties);
  Check(writer.status());
  Check((*writer)->AddKeyValueMetadata(aw::key_value_metadata({kMark}, {kForm})));
  Check((*writer)->WriteTable(*table, kRowsAGroup));
  Check((*writer)->Close());
  Check((*sink)->Close());
  return table->num_rows();
}

Json ToJson(const aw::Array& array, int64_t row) {
  if (array.IsNull(row)) return Json();
  switch (array.type_id()) {
    case aw::Type::STRING:
      return std::string(static_cast<const aw::StringArray&>(array).GetView(row));
    case aw::Type::INT64:
      return static_cast<const aw::Int64Array&>(array).Value(row);
    case aw::Type::INT32:
      return static_cast<const aw::Int32Array&>(array).Value(row);
    case aw::Type::BOOL:
      return static_cast<const aw::BooleanArray&>(array).Value(row);
    case aw::Type::STRUCT: {
      const auto& fields = static_cast<const aw::StructArray&>(array);
      Json object = Json::object();
      for (int i = 0; i < fields.num_fields(); ++i) {
        Json value = ToJson(*fields.field(i), row);
        if (!value.is_null()) object[fields.type()->field(i)->name()] = std::move(value);
      }
      return object;
    }
    default:
      return Json();  // lists and maps, which are empty
  }
}

// The rows as lines of a commit.
std::string LinesOf(const aw::Table& table) {
  std::string text;
  aw::TableBatchReader batches(table);
  std::shared_ptr<aw::RecordBatch> batch;
  for (;;) {
    Check(batches.ReadNext(&batch));
    if (batch == nullptr) return text;
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      for (int i = 0; i < batch->num_columns(); ++i) {
        Json action = ToJson(*batch->column(i), row);
        if (action.is_null()) continue;
        text += FormatJson(Json({{batch->column_name(i), std::move(action)}})) + "\n";
      }
    }
  }
}

Result<std::string> ReadLines(const std::string& file) {
  auto source = aw::io::ReadableFile::Open(file);
  if (!source.ok()) return Unavailable("cannot open {}: {}", file, source.status().message());
  parquet::ReaderProperties properties = parquet::default_reader_properties();
  properties.set_page_checksum_verification(true);
  auto plain = parquet::ParquetFileReader::Open(*source, properties);
  const auto metadata = plain->metadata();
  const auto marks = metadata->key_value_metadata();
  const bool ours = marks != nullptr && marks->Contains(kMark) && *marks->Get(kMark) == kForm;
  if (!ours) return Unimplemented("{} is of another writer", file);
  if (metadata->num_rows() > kMaxRows) return ResourceExhausted("{} has more than {} rows", file, kMaxRows);
  auto reader = parquet::arrow::FileReader::Make(aw::default_memory_pool(), std::move(plain));
  Check(reader.status());
  const auto table = (*reader)->ReadTable();
  Check(table.status());
  Check((*table)->ValidateFull());
  return LinesOf(**table);
}

Status PublishFile(const std::string& from, const std::string& to) {
  const UniqueFd fd(open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || fsync(fd.get()) != 0 || rename(from.c_str(), to.c_str()) != 0)
    return Unavailable("cannot write {}: {}", to, std::strerror(errno));
  return Ok();
}

}  // namespace

Status WriteCheckpoint(const std::string& path, const DeltaLogEntry& state) {
  const std::string target = CheckpointPath(path, state.info.version);
  const std::string temporary = fmt::format("{}/.checkpoint-{}.tmp", path, RandomHex(8));
  Status status;
  int64_t rows = 0;
  try {
    rows = WriteTo(temporary, state);
    status = PublishFile(temporary, target);
  } catch (const std::bad_alloc&) {
    status = ResourceExhausted("cannot write {}: out of memory", target);
  } catch (const std::exception& failure) {
    status = Unavailable("cannot write {}: {}", target, failure.what());
  }
  if (!status.ok()) {
    unlink(temporary.c_str());
    return status;
  }
  MR_RETURN_IF_ERROR(SyncDirectory(LogDirectory(path)));
  return WriteFileAtomically(LogDirectory(path) + "/_last_checkpoint",
                             FormatJson(Json({{"version", state.info.version}, {"size", rows}})));
}

Result<DeltaLogEntry> ReadCheckpoint(const std::string& path, int64_t version) {
  const std::string file = CheckpointPath(path, version);
  struct stat status{};
  if (stat(file.c_str(), &status) != 0) return NotFound("there is no {}", file);
  if (!S_ISREG(status.st_mode) || status.st_size > kMaxBytes)
    return DataLoss("{} is no file of at most {} bytes", file, kMaxBytes);
  try {
    MR_ASSIGN_OR_RETURN(const std::string lines, ReadLines(file));
    Result<DeltaLogEntry> entry = ParseLogEntry(lines);
    if (!entry.ok()) return entry.status().WithContext(file);
    if (!entry->has_protocol || !entry->metadata) return DataLoss("{} has no protocol or no schema", file);
    entry->info.version = version;
    return entry;
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("{}: out of memory", file);
  } catch (const std::exception& failure) {
    return DataLoss("{} is damaged: {}", file, failure.what());
  }
}

}  // namespace millrace::internal
