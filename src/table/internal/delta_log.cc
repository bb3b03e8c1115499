#include "table/internal/delta_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/percent.h"
#include "base/text.h"

namespace millrace::internal {
namespace {

constexpr uint64_t kMaxLogBytes = 256 << 20;
constexpr std::string_view kCommitExtension = ".json";
constexpr std::string_view kCheckpointExtension = ".checkpoint.parquet";
constexpr int64_t kMostMillis = 253'402'300'800'000;  // the end of year 9999
constexpr size_t kVersionDigits = 20;

constexpr std::array<std::pair<DataType, std::string_view>, 5> kTypeNames = {
    {{DataType::kBool, "boolean"},
     {DataType::kInt64, "long"},
     {DataType::kDouble, "double"},
     {DataType::kString, "string"},
     {DataType::kTimestamp, "timestamp"}}};

std::string FormatSchema(const Schema& schema) {
  Json fields = Json::array();
  for (const Field& field : schema.fields()) {
    std::string_view type;
    for (const auto& [known, name] : kTypeNames) {
      if (known == field.type) type = name;
    }
    fields.push_back(
        {{"name", field.name}, {"type", type}, {"nullable", true}, {"metadata", Json::object()}});
  }
  return FormatJson(Json({{"type", "struct"}, {"fields", std::move(fields)}}));
}

Result<DataType> TypeNamed(const Json& type, const std::string& column) {
  const std::string name = type.is_string() ? type.get<std::string>() : "a nested type";
  for (const auto& [known, its_name] : kTypeNames) {
    if (name == its_name) return known;
  }
  for (const std::string_view narrower : {"integer", "short", "byte"}) {
    if (name == narrower) return DataType::kInt64;
  }
  if (name == "float") return DataType::kDouble;
  if (name == "date" || name == "timestamp_ntz") return DataType::kTimestamp;
  return Unimplemented("column '{}' is {}, which has no exact form here", column, name);
}

Result<int64_t> WholeNumber(const Json& object, const char* name, int64_t least, int64_t most) {
  const auto found = object.find(name);
  if (found == object.end()) return NotFound("there is no {}", name);
  const bool fits = found->is_number_integer() &&
                    !(found->is_number_unsigned() && found->get<uint64_t>() > uint64_t{INT64_MAX}) &&
                    found->get<int64_t>() >= least && found->get<int64_t>() <= most;
  if (!fits)
    return DataLoss("{} is {}, no whole number from {} to {}", name, FormatJson(*found), least, most);
  return found->get<int64_t>();
}

// 0 when the action does not say.
Result<EventTime> ParseMillis(const Json& action, const char* name) {
  const auto found = action.find(name);
  if (found == action.end() || found->is_null()) return EventTime{};
  MR_ASSIGN_OR_RETURN(const int64_t millis, WholeNumber(action, name, 0, kMostMillis));
  return EventTime{millis * 1000};
}

Result<DeltaMetadata> ParseMetadata(const Json& action) {
  DeltaMetadata metadata;
  MR_ASSIGN_OR_RETURN(metadata.created, ParseMillis(action, "createdTime"));
  metadata.id = action.value("id", "");
  metadata.foreign_rules = !action.value("configuration", Json::object()).empty();
  if (!action.value("partitionColumns", Json::array()).empty()) {
    return Unimplemented("the table has partition columns, which Millrace does not read");
  }
  MR_ASSIGN_OR_RETURN(const Json schema, ParseJson(action.at("schemaString").get<std::string>()));
  std::vector<Field> fields;
  for (const Json& field : schema.at("fields")) {
    const auto name = field.at("name").get<std::string>();
    MR_ASSIGN_OR_RETURN(const DataType type, TypeNamed(field.at("type"), name));
    if (!field.value("metadata", Json::object()).empty() || !field.value("nullable", true)) {
      metadata.foreign_rules = true;
    }
    fields.push_back({name, type});
  }
  metadata.schema = Schema(std::move(fields));
  MR_ASSIGN_OR_RETURN(const Json kept, ParseJson(FormatSchema(metadata.schema)));
  metadata.foreign_form = kept != schema || !action.value("name", Json()).is_null() ||
                          !action.value("description", Json()).is_null();
  return metadata;
}

// Paths in the log are URIs relative to the table (RFC 2396); ones that lead out of it are refused.
Result<std::string> ParsePath(std::string_view uri) {
  std::string path;
  for (size_t i = 0; i < uri.size(); ++i) {
    if (uri[i] != '%') {
      path += uri[i];
      continue;
    }
    const int high = i + 2 < uri.size() ? HexDigit(uri[i + 1]) : -1;
    const int low = i + 2 < uri.size() ? HexDigit(uri[i + 2]) : -1;
    if (high < 0 || low < 0)
      return DataLoss("'{}' is no path: a % is followed by two hexadecimal digits", uri);
    path += static_cast<char>(high * 16 + low);
    i += 2;
  }
  const bool outside = path.empty() || path.front() == '/' || path.find("..") != std::string::npos ||
                       path.find(':') != std::string::npos || path.find('\0') != std::string::npos;
  if (outside) return Unimplemented("'{}' is not below the table's own directory", uri);
  if (!IsUtf8(path)) return DataLoss("'{}' is no path: its bytes are not UTF-8", uri);
  return path;
}

// The URI that ParsePath reads back.
std::string FormatPath(std::string_view path) { return PercentEncode(path, "/="); }

// Bytes and rows: no file has more, and the sums of many of them stay in range.
constexpr int64_t kMostOfAFile = int64_t{1} << 40;

Result<DeltaFile> ParseAdd(const Json& action) {
  DeltaFile file;
  MR_ASSIGN_OR_RETURN(file.path, ParsePath(action.at("path").get<std::string>()));
  MR_ASSIGN_OR_RETURN(file.size, WholeNumber(action, "size", 0, kMostOfAFile));
  MR_ASSIGN_OR_RETURN(file.modified, ParseMillis(action, "modificationTime"));
  const auto stats_text = action.value("stats", std::string());
  if (stats_text.empty()) {
    file.rows = -1;
    return file;
  }
  MR_ASSIGN_OR_RETURN(const Json stats, ParseJson(stats_text));
  const Result<int64_t> rows = WholeNumber(stats, "numRecords", 0, kMostOfAFile);
  if (!rows.ok() && rows.status().code() != Code::kNotFound) return rows.status();
  file.rows = rows.ok() ? *rows : -1;
  return file;
}

Status ParseCommitInfo(const Json& action, DeltaLogEntry& entry) {
  MR_ASSIGN_OR_RETURN(entry.info.time, ParseMillis(action, "timestamp"));
  entry.info.operation = action.value("operation", "");
  entry.info.mode = action.value("operationParameters", Json::object()).value("mode", "");
  entry.info.user_metadata = action.value("userMetadata", "");
  entry.engine = action.value("engineInfo", "");
  entry.id = action.value("txnId", "");
  return Ok();
}

Status ParseAction(const Json& line, DeltaLogEntry& entry) {
  if (!line.is_object() || line.size() != 1) return DataLoss("a line is one action");
  const std::string& name = line.begin().key();
  const Json& action = line.begin().value();
  if (name == "commitInfo") return ParseCommitInfo(action, entry);
  if (name == "protocol") {
    MR_ASSIGN_OR_RETURN(const int64_t reader, WholeNumber(action, "minReaderVersion", 0, INT32_MAX));
    if (reader > 1) return Unimplemented("the table asks for reader version {}; Millrace has 1", reader);
    MR_ASSIGN_OR_RETURN(const int64_t writer, WholeNumber(action, "minWriterVersion", 0, INT32_MAX));
    entry.has_protocol = true;
    entry.newer_writer = writer > 2;
  } else if (name == "metaData") {
    MR_ASSIGN_OR_RETURN(entry.metadata, ParseMetadata(action));
  } else if (name == "add") {
    MR_ASSIGN_OR_RETURN(DeltaFile file, ParseAdd(action));
    entry.info.rows_added += std::max<int64_t>(0, file.rows);
    entry.added.push_back(std::move(file));
  } else if (name == "remove") {
    MR_ASSIGN_OR_RETURN(std::string path, ParsePath(action.at("path").get<std::string>()));
    MR_ASSIGN_OR_RETURN(const EventTime time, ParseMillis(action, "deletionTimestamp"));
    entry.removed.push_back({std::move(path), time});
  } else if (name != "cdc") {
    entry.other_actions = true;  // such as txn: they add and remove nothing
  }
  return Ok();
}

std::optional<int64_t> VersionOf(std::string_view name, std::string_view extension) {
  if (name.size() != kVersionDigits + extension.size() || !name.ends_with(extension)) return std::nullopt;
  int64_t version = 0;
  for (const char c : name.substr(0, kVersionDigits)) {
    if (c < '0' || c > '9' || version > int64_t{1} << 50) return std::nullopt;
    version = version * 10 + (c - '0');
  }
  return version;
}

int64_t MillisOr(EventTime time, int64_t otherwise) {
  return time.micros > 0 ? time.micros / 1000 : otherwise;
}

}  // namespace

std::string LogDirectory(const std::string& path) { return path + "/_delta_log"; }

std::string LogPath(const std::string& path, int64_t version) {
  return fmt::format("{}/{:020}{}", LogDirectory(path), version, kCommitExtension);
}

std::string CheckpointPath(const std::string& path, int64_t version) {
  return fmt::format("{}/{:020}{}", LogDirectory(path), version, kCheckpointExtension);
}

std::string FormatLogEntry(const DeltaLogEntry& entry) {
  const int64_t millis = entry.info.time.micros / 1000;
  Json info = {{"timestamp", millis},
               {"operation", entry.info.operation},
               {"operationParameters", Json::object()},
               {"engineInfo", entry.engine}};
  if (!entry.info.mode.empty()) info["operationParameters"]["mode"] = entry.info.mode;
  if (!entry.info.user_metadata.empty()) info["userMetadata"] = entry.info.user_metadata;
  if (!entry.id.empty()) info["txnId"] = entry.id;
  std::string text = FormatJson(Json({{"commitInfo", std::move(info)}})) + "\n";
  if (entry.has_protocol) {
    text += FormatJson(Json({{"protocol", {{"minReaderVersion", 1}, {"minWriterVersion", 2}}}})) + "\n";
  }
  if (entry.metadata) {
    text += FormatJson(Json({{"metaData",
                              {{"id", entry.metadata->id},
                               {"format", {{"provider", "parquet"}, {"options", Json::object()}}},
                               {"schemaString", FormatSchema(entry.metadata->schema)},
                               {"partitionColumns", Json::array()},
                               {"configuration", Json::object()},
                               {"createdTime", MillisOr(entry.metadata->created, millis)}}}})) +
            "\n";
  }
  for (const DeltaRemoval& removal : entry.removed) {
    text += FormatJson(Json({{"remove",
                              {{"path", FormatPath(removal.path)},
                               {"deletionTimestamp", MillisOr(removal.time, millis)},
                               {"dataChange", true}}}})) +
            "\n";
  }
  for (const DeltaFile& file : entry.added) {
    Json add = {{"path", FormatPath(file.path)},
                {"partitionValues", Json::object()},
                {"size", file.size},
                {"modificationTime", MillisOr(file.modified, millis)},
                {"dataChange", true}};
    if (file.rows >= 0) add["stats"] = FormatJson(Json({{"numRecords", file.rows}}));
    text += FormatJson(Json({{"add", std::move(add)}})) + "\n";
  }
  return text;
}

Result<DeltaLogEntry> ParseLogEntry(std::string_view text) {
  DeltaLogEntry entry;
  int line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) continue;
    const std::string where = fmt::format("line {}", line_number);
    const Result<Json> action = ParseJson(line);
    if (!action.ok()) return DataLoss("{}: {}", where, action.status().message());
    try {
      const Status parsed = ParseAction(*action, entry);
      // NotFound is of a field: the commit is there, and damaged.
      if (parsed.code() == Code::kNotFound) return DataLoss("{}: {}", where, parsed.message());
      if (!parsed.ok()) return parsed.WithContext(where);
    } catch (const Json::exception& failure) {
      return DataLoss("{}: an action has another form than the protocol says: {}", where, failure.what());
    }
  }
  return entry;
}

Result<DeltaLogListing> ListLog(const std::string& path) {
  DeltaLogListing listing;
  if (!FileExists(LogDirectory(path))) return listing;
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(LogDirectory(path)));
  for (const std::string& name : names) {
    if (const auto version = VersionOf(name, kCommitExtension)) listing.versions.push_back(*version);
    if (const auto version = VersionOf(name, kCheckpointExtension)) listing.checkpoints.push_back(*version);
  }
  return listing;
}

Result<bool> LogExists(const std::string& path) {
  if (FileExists(LogPath(path, 0)) || FileExists(LogDirectory(path) + "/_last_checkpoint")) return true;
  MR_ASSIGN_OR_RETURN(const DeltaLogListing listing, ListLog(path));
  return !listing.versions.empty() || !listing.checkpoints.empty();
}

Result<DeltaLogText> ReadLogText(const std::string& path, int64_t version) {
  const std::string file = LogPath(path, version);
  DeltaLogText read;
  MR_ASSIGN_OR_RETURN(read.text, ReadFile(file, kMaxLogBytes));
  Result<DeltaLogEntry> entry = ParseLogEntry(read.text);
  if (!entry.ok()) return entry.status().WithContext(file);
  read.entry = std::move(entry).value();
  read.entry.info.version = version;
  // A commit that does not say when it was made was made when its file was, as the protocol has it.
  struct stat status{};
  if (read.entry.info.time.micros == 0 && stat(file.c_str(), &status) == 0)
    read.entry.info.time = EventTime{status.st_mtim.tv_sec * 1'000'000};
  return read;
}

Result<DeltaLogEntry> ReadLogEntry(const std::string& path, int64_t version) {
  MR_ASSIGN_OR_RETURN(DeltaLogText read, ReadLogText(path, version));
  return std::move(read.entry);
}

Status PutLogEntry(const std::string& path, const DeltaLogEntry& entry) {
  const std::string target = LogPath(path, entry.info.version);
  const std::string temporary = fmt::format("{}/.commit-{}.tmp", path, RandomHex(8));
  MR_RETURN_IF_ERROR(WriteFileAtomically(temporary, FormatLogEntry(entry)));
  // link, unlike rename, fails when the target is there: whoever is first has the version.
  const int linked = link(temporary.c_str(), target.c_str());
  const int error = errno;
  unlink(temporary.c_str());
  if (linked != 0 && error == EEXIST) {
    return Conflict("{}: version {} was committed by another writer", path, entry.info.version);
  }
  if (linked != 0) return Unavailable("cannot write {}: {}", target, std::strerror(error));
  // Every reader sees the version from here on, so its writer must not take its files back.
  const Status synced = SyncDirectory(LogDirectory(path));
  if (!synced.ok()) {
    LogWarning(
        "a commit is made, but may be lost if the machine stops now",
        {{"table", path}, {"version", std::to_string(entry.info.version)}, {"reason", synced.message()}});
  }
  return Ok();
}

}  // namespace millrace::internal
