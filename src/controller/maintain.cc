#include "controller/maintain.h"

#include "base/log.h"
#include "table/delta.h"

namespace millrace::controller {
namespace {

Status Maintain(const std::string& path) {
  const Result<DeltaTable> table = DeltaTable::Open(path);
  if (table.ok()) return table->Maintain();
  return table.status().code() == Code::kNotFound ? Ok() : table.status();
}

}  // namespace

void MaintainTables(std::initializer_list<std::string> paths) {
  for (const std::string& path : paths) {
    const Status maintained = Maintain(path);
    if (!maintained.ok())
      LogWarning("files of old versions stay", {{"table", path}, {"reason", maintained.message()}});
  }
}

}  // namespace millrace::controller
