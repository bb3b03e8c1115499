// What a FeatureView has made and takes with it: its table of features.
#include "base/file.h"
#include "controller/controllers.h"
#include "controller/key.h"

namespace millrace::controller::feature_view {

// The online state holds the view until its source is loaded again, which happens once the
// view is gone.
Result<std::string> Finalize(Context& context, const resource::Resource& resource) {
  const resource::ResourceKey key = resource.Key();
  context.tasks.Forget(KeyOf(key));
  if (context.tasks.Find(KeyOf(key))) return std::string("the work on its features ends");
  MR_RETURN_IF_ERROR(RemoveTree(context.layout.Features(key.project, key.name)));
  return std::string();
}

}  // namespace millrace::controller::feature_view
