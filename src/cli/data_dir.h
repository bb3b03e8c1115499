// The data directory as a whole: its lock and the version of its layout.
#pragma once

#include <string>

#include "base/file.h"
#include "base/status.h"

namespace millrace::cli {

// The layout that this program reads and writes (docs/architecture.md).
inline constexpr int kFormat = 1;

// Makes the directory when it is missing (mode 0700), takes its lock and checks
// its FORMAT. Unavailable when another Millrace runs in it; FailedPrecondition when
// a newer one made it; DataLoss when FORMAT is no number.
Result<FileLock> OpenDataDir(const std::string& path);

// `DIR/.millrace`, or beside a YAML file.
std::string DefaultDataDir(const std::string& folder);

// Where a running platform is noted for the user's other commands:
// $XDG_STATE_HOME/millrace/HOST_PORT.json. "" when there is no home.
std::string NotePath(const std::string& url);
// Notes that `url` is served from `data_dir`; best effort.
void WriteNote(const std::string& url, const std::string& data_dir);
void RemoveNote(const std::string& url);
// The data directory behind `url`; "" when nothing is noted.
std::string ReadNote(const std::string& url);

}  // namespace millrace::cli
