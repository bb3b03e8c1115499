// The Registry in one SQLite file; all its SQL is in sqlite_*.cc of this module.
//
//   MR_ASSIGN_OR_RETURN(auto registry, SqliteRegistry::Open({.path = dir + "/registry.db", .on_change =
//   audit}));
//
// One connection behind one mutex: a registry is written a few times a minute.
// A file made by a newer Millrace is refused (FailedPrecondition).
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "registry/registry.h"

namespace millrace::registry {

class SqliteRegistry {
 public:
  struct Options {
    std::string path{};            // ":memory:" for tests
    ChangeHook on_change{};        // called before each change takes effect; empty: no audit
    const Clock* clock = nullptr;  // borrowed; unset: SystemClock
  };

  static Result<std::unique_ptr<Registry>> Open(Options options);
};

}  // namespace millrace::registry
