#include "base/log.h"
#include "controller/controllers.h"
#include "controller/key.h"
#include "controller/model_endpoint/decide.h"
#include "controller/serving_plans.h"
#include "controller/status_writer.h"
#include "inference/endpoint.h"
#include "registry/package.h"
#include "resource/decode.h"
#include "resource/kind.h"

namespace millrace::controller::model_endpoint {
namespace {

constexpr Micros kFollow = std::chrono::seconds(2);

struct Observed {
  std::shared_ptr<inference::Endpoint> endpoint;  // as it answers now, or one that is not in the set yet
  std::optional<registry::ModelVersion> wanted;
  Snapshot snapshot;
};

inference::EndpointOptions OptionsOf(Context& context, const resource::ResourceKey& key,
                                     const resource::ModelEndpointSpec& spec) {
  inference::EndpointOptions options;
  options.project = key.project;
  options.name = key.name;
  options.store = &context.stores.online;
  if (!spec.learn.empty()) options.learn = key.project + "/" + spec.learn;
  options.metrics = &context.stores.metrics;
  return options;
}

std::string Reference(const resource::ModelEndpointSpec& spec) {
  return spec.version ? fmt::format("{}:{}", spec.model, *spec.version) : spec.model + "@" + spec.alias;
}

Result<Observed> Observe(Context& context, const resource::ResourceKey& key,
                         const resource::ModelEndpointSpec& spec) {
  Observed observed;
  Snapshot& snapshot = observed.snapshot;
  snapshot.model = Reference(spec);
  // As the protocol names models: api/oip/routes.h.
  const std::string of = key.project == resource::kDefaultProject ? "" : key.project + ".";
  snapshot.url = "/v2/models/" + of + key.name;
  snapshot.task = context.tasks.Find(KeyOf(key));
  const inference::EndpointOptions options = OptionsOf(context, key, spec);
  observed.endpoint = context.stores.endpoints.Find(key.project, key.name);
  if (observed.endpoint == nullptr) {
    // From now on the name is known, and a request is told what it waits for.
    MR_ASSIGN_OR_RETURN(observed.endpoint, inference::Endpoint::Create(options));
    context.stores.endpoints.Put(observed.endpoint);
  }
  const inference::ServingVersionPtr serving = observed.endpoint->Pin();
  const bool same = observed.endpoint->options().learn == options.learn;
  if (serving != nullptr && same && serving->IsBound() && serving->model().model_name() == spec.model) {
    snapshot.serving = serving->model().version();
  }
  Result<registry::ModelVersion> wanted = ResolveVersion(context, key.project, spec);
  if (!wanted.ok()) {
    snapshot.wanted = wanted.status();
    return observed;
  }
  snapshot.wanted = wanted->version;
  observed.wanted = std::move(*wanted);
  return observed;
}

// Loads the version beside the one that answers, then swaps it in.
Status Load(Context& context, const resource::ResourceKey& key, const resource::ModelEndpointSpec& spec,
            const registry::ModelVersion& version, TaskContext& task) {
  task.Report(fmt::format("loading version {}", version.version), 0, 0);
  MR_ASSIGN_OR_RETURN(
      registry::ModelPackage package,
      registry::OpenPackage(version.source, version.digest, context.stores.signing_key.public_key()));
  MR_ASSIGN_OR_RETURN(const inference::LoadedModelPtr model,
                      inference::LoadedModel::Load(spec.model, version.version, std::move(package)));
  const inference::EndpointOptions options = OptionsOf(context, key, spec);
  std::shared_ptr<inference::Endpoint> endpoint = context.stores.endpoints.Find(key.project, key.name);
  const bool another = endpoint == nullptr || endpoint->options().learn != options.learn;
  if (another) {
    MR_ASSIGN_OR_RETURN(endpoint, inference::Endpoint::Create(options));
  }
  const Status swapped = endpoint->Swap(model);
  // The views are still being loaded, or the source is: that passes.
  if (swapped.code() == Code::kFailedPrecondition || swapped.code() == Code::kNotFound) {
    return Unavailable("{}", swapped.message());
  }
  MR_RETURN_IF_ERROR(swapped);
  if (another) context.stores.endpoints.Put(endpoint);
  LogInfo("version serves", {{"endpoint", key.name}, {"version", std::to_string(version.version)}});
  return Ok();
}

Json StatusFields(const resource::Resource& resource, const Observed& observed,
                  const resource::ModelEndpointSpec& spec) {
  Json fields = {{"model", spec.model}, {"replicas", observed.snapshot.serving ? 1 : 0}};
  if (observed.snapshot.serving) {
    fields["version"] = *observed.snapshot.serving;
    fields["url"] = observed.snapshot.url;
    const Json before = resource.status.value("version", Json());
    if (before.is_number_integer() && before != *observed.snapshot.serving)
      fields["previousVersion"] = before;
  }
  return fields;
}

}  // namespace

Result<Micros> Reconcile(Context& context, const resource::Resource& resource) {
  const resource::ResourceKey key = resource.Key();
  MR_ASSIGN_OR_RETURN(const auto spec, resource::DecodeSpec<resource::ModelEndpointSpec>(resource));
  MR_ASSIGN_OR_RETURN(const Observed observed, Observe(context, key, spec));
  const Decision decision = Decide(observed.snapshot);
  const bool ready = decision.ready.status == resource::ConditionStatus::kTrue;
  observed.endpoint->SetReason(ready ? "" : decision.ready.message);
  if (decision.load) {
    context.tasks.Start(KeyOf(key), std::to_string(*decision.load),
                        [&context, key, spec, version = *observed.wanted](TaskContext& task) {
                          return Load(context, key, spec, version, task);
                        });
  }
  MR_RETURN_IF_ERROR(WriteStatus(context, resource, StatusFields(resource, observed, spec), decision.ready));
  return decision.look_again.count() > 0 ? decision.look_again : kFollow;
}

void Forget(Context& context, const resource::ResourceKey& key) {
  context.tasks.Forget(KeyOf(key));
  context.stores.endpoints.Remove(key.project, key.name);
}

}  // namespace millrace::controller::model_endpoint
