#include "resource/kinds/kinds.h"

namespace millrace::resource {

Kind ModelEndpointKind() {
  Kind kind;
  kind.name = "ModelEndpoint";
  kind.plural = "modelendpoints";
  kind.singular = "modelendpoint";
  kind.short_names = {"me", "endpoint", "endpoints"};
  kind.meaning = "Where a model's version is served, under the endpoint's name.";
  kind.rank = 6;
  kind.spec = Object(
      "spec", "What is served, and how.",
      {OfType(FieldType::kModelReference, "model",
              "MODEL@ALIAS follows an alias, MODEL:VERSION pins a version, MODEL alone follows champion.")
           .Required()
           .Example("fraud@champion"),
       Reference("learn", "DataSource", "What is scored enters this source as an event, after its answer.")
           .Without("requests leave no trace in the features"),
       Object("scaling", "How many replicas, where there can be more than one.",
              {Integer("minReplicas", "At least so many; 0 lets the endpoint sleep.")
                   .AtLeast(0)
                   .AtMost(1000)
                   .Default(0),
               Integer("maxReplicas", "At most so many.").AtLeast(1).AtMost(1000).Default(1),
               Integer("concurrency", "Requests that one replica handles at once.")
                   .AtLeast(1)
                   .AtMost(100'000)
                   .Default(8)})});
  kind.status = StatusField(
      {Text("model", "The model that is served."), Integer("version", "The version that is served."),
       Text("url", "Where requests go."), Integer("replicas", "Replicas that are ready."),
       Integer("previousVersion", "The version that was served before.")});
  kind.columns = WithReady({{"MODEL", "spec.model"}, {"VERSION", "status.version"}, {"URL", "status.url"}});
  return kind;
}

}  // namespace millrace::resource
