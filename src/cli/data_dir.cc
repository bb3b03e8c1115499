#include "cli/data_dir.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/json.h"

namespace millrace::cli {
namespace {

Status CheckFormat(const std::string& path) {
  const std::string file = path + "/FORMAT";
  if (!FileExists(file)) return WriteFileAtomically(file, fmt::format("{}\n", kFormat));
  MR_ASSIGN_OR_RETURN(const std::string text, ReadFile(file, 64));
  int version = 0;
  for (const char c : text) {
    if (c == '\n') break;
    if (c < '0' || c > '9' || version > 100'000) {
      return DataLoss("{} should hold the number of the layout's version, but holds '{}'.", file,
                      text.substr(0, 20));
    }
    version = version * 10 + (c - '0');
  }
  if (version > kFormat) {
    return FailedPrecondition(
        "{} was made by a newer Millrace (layout {}; this one knows up to {}). Use that version, or another "
        "--data-dir.",
        path, version, kFormat);
  }
  if (version < 1) return DataLoss("{} holds no version of the layout.", file);
  return Ok();
}

}  // namespace

Result<FileLock> OpenDataDir(const std::string& path) {
  const bool fresh = !FileExists(path);
  MR_RETURN_IF_ERROR(MakeDirectories(path));
  if (fresh && chmod(path.c_str(), 0700) != 0) return Internal("{}: its mode cannot be set", path);
  Result<FileLock> lock = FileLock::Acquire(path + "/lock");
  if (!lock.ok()) {
    if (lock.status().code() != Code::kUnavailable) return lock.status();
    return Unavailable("Another millrace runs in {}. Stop it, or give this one another --data-dir.", path);
  }
  MR_RETURN_IF_ERROR(CheckFormat(path));
  return lock;
}

std::string DefaultDataDir(const std::string& folder) {
  const std::filesystem::path path(folder.empty() ? "." : folder);
  std::error_code error;
  const bool file = std::filesystem::is_regular_file(path, error);
  return ((file ? path.parent_path() : path) / ".millrace").lexically_normal().string();
}

std::string NotePath(const std::string& url) {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  std::string base;
  if (state != nullptr && *state != '\0') {
    base = state;
  } else if (home != nullptr && *home != '\0') {
    base = std::string(home) + "/.local/state";
  } else {
    return "";
  }
  std::string name;
  for (const char c : url) name += (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.') ? c : '_';
  return base + "/millrace/" + name + ".json";
}

void WriteNote(const std::string& url, const std::string& data_dir) {
  const std::string path = NotePath(url);
  if (path.empty()) return;
  std::error_code error;
  const std::string absolute = std::filesystem::absolute(data_dir, error).lexically_normal().string();
  if (!MakeDirectories(path.substr(0, path.rfind('/'))).ok()) return;
  const Json note = {{"url", url}, {"dataDir", absolute}, {"pid", getpid()}};
  // Without a note the user names the data directory: nothing is lost.
  (void)WriteFileAtomically(path, FormatJson(note) + "\n", 0600);
}

void RemoveNote(const std::string& url) {
  const std::string path = NotePath(url);
  if (!path.empty()) unlink(path.c_str());
}

std::string ReadNote(const std::string& url) {
  const std::string path = NotePath(url);
  if (path.empty()) return "";
  const Result<std::string> text = ReadFile(path, 1 << 16);
  if (!text.ok()) return "";
  const Result<Json> json = ParseJson(*text);
  if (!json.ok() || !json->is_object() || !json->contains("dataDir") || !(*json)["dataDir"].is_string())
    return "";
  return (*json)["dataDir"].get<std::string>();
}

}  // namespace millrace::cli
