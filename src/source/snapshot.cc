// Which files a source has now.
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "base/json.h"
#include "base/sha256.h"
#include "source/internal/files.h"
#include "source/internal/unpack.h"
#include "source/source.h"

namespace millrace::source {
namespace {

constexpr size_t kMaxFiles = 100'000;

Result<std::vector<std::string>> Expand(const std::string& pattern) {
  glob_t found{};
  const int outcome = glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found);
  std::vector<std::string> paths(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  if (outcome != 0 && outcome != GLOB_NOMATCH) return Unavailable("cannot list the files of '{}'", pattern);
  if (!paths.empty()) return paths;
  const size_t slash = pattern.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : pattern.substr(0, slash);
  if (folder.find_first_of("*?[") == std::string::npos && !FileExists(folder)) {
    return NotFound("no file matches '{}': there is no folder {}", pattern, folder);
  }
  return NotFound("no file matches '{}'", pattern);
}

Result<SourceFile> Describe(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return NotFound("cannot look at {}: {}", path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return InvalidArgument("{} is not a file", path);
  return SourceFile{.path = path,
                    .size = status.st_size,
                    .modified_nanos = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec,
                    .inode = status.st_ino};
}

// Everything in the spec that changes what is read.
Json Definition(const resource::DataSourceSpec& spec) {
  Json columns = Json::array();
  for (const resource::SourceColumn& column : spec.columns) {
    columns.push_back({column.name, column.type ? std::string(DataTypeName(*column.type)) : "",
                       column.known_after ? column.known_after->count() : -1});
  }
  return {spec.files->format, spec.files->sql, spec.event_time,
          spec.event_id,      spec.time_zone,  std::move(columns)};
}

}  // namespace

Result<SourceSnapshot> Fingerprint(const resource::DataSourceSpec& spec) {
  if (!spec.files) return FailedPrecondition("the source has no files: its events are pushed");
  std::vector<std::string> paths;
  for (const std::string& pattern : spec.files->paths) {
    MR_ASSIGN_OR_RETURN(const std::vector<std::string> found, Expand(pattern));
    paths.insert(paths.end(), found.begin(), found.end());
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  if (paths.empty()) return InvalidArgument("files.path names no file");
  if (paths.size() > kMaxFiles)
    return ResourceExhausted("{} files are more than {}", paths.size(), kMaxFiles);
  SourceSnapshot snapshot;
  Json described = Json::array();
  for (const std::string& path : paths) {
    MR_ASSIGN_OR_RETURN(SourceFile file, Describe(path));
    described.push_back({file.path, file.size, file.modified_nanos, file.inode});
    snapshot.files.push_back(std::move(file));
  }
  const Json all = {Definition(spec), std::move(described)};
  snapshot.digest = Sha256Hex(FormatJson(all));
  return snapshot;
}

namespace internal {

Result<FileFormat> FormatOf(const resource::FilesSource& files, const std::string& path) {
  const std::string_view plain = WithoutPacking(path);
  const auto ends = [&](std::string_view extension) { return plain.ends_with(extension); };
  if (PackingOf(path) != Packing::kNone && (files.format == "parquet" || ends(".parquet") || ends(".pq"))) {
    return InvalidArgument("{}: a Parquet file is compressed within itself; unpack it first", path);
  }
  if (files.format == "parquet") return FileFormat::kParquet;
  if (files.format == "csv") return FileFormat::kCsv;
  if (files.format == "jsonl") return FileFormat::kJsonLines;
  if (files.format != "auto") {
    return InvalidArgument("files.format '{}' is none of auto, parquet, csv, jsonl", files.format);
  }
  if (ends(".parquet") || ends(".pq")) return FileFormat::kParquet;
  if (ends(".csv") || ends(".tsv") || ends(".txt")) return FileFormat::kCsv;
  if (ends(".jsonl") || ends(".ndjson") || ends(".json")) return FileFormat::kJsonLines;
  return InvalidArgument(
      "{}: its extension says no format; set files.format to parquet, csv or jsonl (compressed text is read "
      "when its name ends in .gz or .zst)",
      path);
}

Result<FileFormat> FormatOf(const resource::FilesSource& files, const SourceSnapshot& snapshot) {
  MR_ASSIGN_OR_RETURN(const FileFormat format, FormatOf(files, snapshot.files.front().path));
  for (const SourceFile& file : snapshot.files) {
    MR_ASSIGN_OR_RETURN(const FileFormat other, FormatOf(files, file.path));
    if (other == format) continue;
    return InvalidArgument("{} and {} are of different formats: files of one source have one",
                           snapshot.files.front().path, file.path);
  }
  return format;
}

}  // namespace internal

size_t CountTextFiles(const resource::DataSourceSpec& spec, const SourceSnapshot& snapshot) {
  const auto format = internal::FormatOf(*spec.files, snapshot);
  return format.ok() && *format == internal::FileFormat::kParquet ? 0 : snapshot.files.size();
}

}  // namespace millrace::source
