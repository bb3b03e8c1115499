// The exit codes of millrace, the same for every subcommand; docs/cli.md lists them.
#pragma once

#include "base/status.h"

namespace millrace::cli {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailure = 1,      // anything that no other code names
  kExitUsage = 2,        // a wrong command line, or input that is not valid (YAML, a request)
  kExitNotFound = 3,     // what was named is not there
  kExitDenied = 4,       // no token, or not allowed
  kExitUnavailable = 5,  // nothing answers there, or not yet; worth trying again
  kExitTimeout = 6,      // `wait` and others with a time limit: it passed
  kExitConflict = 7,     // it exists already, another was first, or something still needs it
  kExitDamaged = 8,      // stored bytes are not what was stored: audit log, package, data directory
  kExitStopped = 130,    // ended by Ctrl-C
};

ExitCode ExitCodeOf(const Status& status);

}  // namespace millrace::cli
