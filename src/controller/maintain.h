// What a task does after it has committed to tables: the files of old versions
// go when it is time (docs/adr/0025-delta-tables-are-kept-up.md). Thread safe. A
// failure is a warning in the log: the commits stand, and the next task tries again.
//
//   MaintainTables({context.layout.Events(key.project, key.name)});
#pragma once

#include <initializer_list>
#include <string>

namespace millrace::controller {

// Of each path where there is a table.
void MaintainTables(std::initializer_list<std::string> paths);

}  // namespace millrace::controller
