// What a DataSource has made and takes with it: its online state, and its tables.
#include "base/file.h"
#include "controller/controllers.h"
#include "controller/data_source/observe.h"
#include "controller/key.h"

namespace millrace::controller::data_source {

// The online state first: nothing can be pushed to a source that has none. What was pushed
// and learned lies in its log, and would be counted again for another source of this name.
Result<std::string> Finalize(Context& context, const resource::Resource& resource) {
  const resource::ResourceKey key = resource.Key();
  if (context.as_of) {
    return std::string(
        "its events are kept while Millrace replays (--as-of); a start without --as-of removes it");
  }
  for (const std::string& task : {KeyOf(key), AppendTaskKey(key), LoadTaskKey(key)}) {
    context.tasks.Forget(task);
    if (context.tasks.Find(task)) return std::string("the work on its events ends");
  }
  const Status dropped = context.stores.online.Drop(OnlineKey(key));
  if (!dropped.ok() && dropped.code() != Code::kNotFound) return dropped;
  for (const std::string& table :
       {context.layout.Events(key.project, key.name), context.layout.Pushed(key.project, key.name),
        context.layout.Dead(key.project, key.name)}) {
    MR_RETURN_IF_ERROR(RemoveTree(table));
  }
  return std::string();
}

}  // namespace millrace::controller::data_source
