// The controllers, one a kind: Reconcile observes a resource and what it depends
// on, decides (decide.h of the kind's folder), and acts.
//
// Each returns after how long it wants to look again (0: when something
// changes). A failure is one of the surroundings (a store, the disk): the
// Manager tries again with a back-off. Whatever is wrong with the resource itself
// is in its condition. Forget is called when the resource is gone.
//
// Finalize removes what a kind has made for a resource that is being deleted, as far
// as that can be done now, and says in a few words what it still waits for; "" when
// all is gone. It is called until then (finalizer.h), in place of Reconcile.
#pragma once

#include "base/status.h"
#include "base/time.h"
#include "controller/context.h"
#include "resource/resource.h"

namespace millrace::controller {

using ReconcileFunction = Result<Micros> (*)(Context&, const resource::Resource&);
using FinalizeFunction = Result<std::string> (*)(Context&, const resource::Resource&);
using ForgetFunction = void (*)(Context&, const resource::ResourceKey&);

struct Controller {
  std::string_view kind;
  ReconcileFunction reconcile;
  FinalizeFunction finalize;  // null: nothing but the resource itself is made
  ForgetFunction forget;      // may be null
};

namespace project {
Result<Micros> Reconcile(Context& context, const resource::Resource& resource);
Result<std::string> Finalize(Context& context, const resource::Resource& resource);
void Forget(Context& context, const resource::ResourceKey& key);
}  // namespace project
namespace compute_pool {
Result<Micros> Reconcile(Context& context, const resource::Resource& resource);
}
namespace data_source {
Result<Micros> Reconcile(Context& context, const resource::Resource& resource);
Result<std::string> Finalize(Context& context, const resource::Resource& resource);
void Forget(Context& context, const resource::ResourceKey& key);
}  // namespace data_source
namespace feature_view {
Result<Micros> Reconcile(Context& context, const resource::Resource& resource);
Result<std::string> Finalize(Context& context, const resource::Resource& resource);
void Forget(Context& context, const resource::ResourceKey& key);
}  // namespace feature_view
namespace feature_service {
Result<Micros> Reconcile(Context& context, const resource::Resource& resource);
}
namespace model {
Result<Micros> Reconcile(Context& context, const resource::Resource& resource);
Result<std::string> Finalize(Context& context, const resource::Resource& resource);
}  // namespace model
namespace training_job {
Result<Micros> Reconcile(Context& context, const resource::Resource& resource);
void Forget(Context& context, const resource::ResourceKey& key);
}  // namespace training_job
namespace model_endpoint {
Result<Micros> Reconcile(Context& context, const resource::Resource& resource);
void Forget(Context& context, const resource::ResourceKey& key);
}  // namespace model_endpoint

// One for every kind.
const std::vector<Controller>& Controllers();

}  // namespace millrace::controller
