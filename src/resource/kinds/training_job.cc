#include "resource/kinds/kinds.h"

namespace millrace::resource {

Kind TrainingJobKind() {
  Kind kind;
  kind.name = "TrainingJob";
  kind.plural = "trainingjobs";
  kind.singular = "trainingjob";
  kind.short_names = {"tj", "job"};
  kind.meaning = "One training run of a Model. Its controller makes them; one can also be made by hand.";
  kind.rank = 5;
  kind.spec =
      Object("spec", "Which model, and what is different about this run.",
             {Reference("model", "Model", "What is trained.").Required(),
              Map("parameters", "Of the trainer, instead of the model's own of the same names.",
                  OfType(FieldType::kScalars, "", ""))
                  .Default(Json::object())
                  .Items(0, 128),
              Timestamp("start", "Where the training range begins, instead of the model's split.start."),
              Boolean("cancel", "Set it to true to stop the run.").Default(false)});
  kind.status = StatusField(
      {Enum("phase", "How far the run has come.",
            {"Pending", "Preparing", "Training", "Evaluating", "Succeeded", "Failed", "Cancelled"}),
       Timestamp("startTime", "When it began."), Timestamp("completionTime", "When it ended."),
       Integer("round", "Rounds done."), Integer("rounds", "Rounds to do."),
       Text("run", "The run in the registry."), Text("pool", "The ComputePool that it runs in."),
       Number("cpu", "Cores that it holds of the pool; 0: all there are.").Unit("cores"),
       Integer("memory", "Memory that it holds of the pool; 0: no limit.").Unit("bytes"),
       Integer("version", "The version that it made."),
       Integer("snapshot", "The version of the examples' table that it was trained on."),
       Boolean("promoted", "Whether the version passed all gates and the alias moved."),
       Map("metrics", "On the test range.", Number("", ""))});
  kind.columns = WithReady({{"MODEL", "spec.model"},
                            {"PHASE", "status.phase"},
                            {"ROUND", "status.round"},
                            {"VERSION", "status.version"},
                            {"AP", "status.metrics.average_precision"},
                            {"RUN", "status.run", true}});
  return kind;
}

}  // namespace millrace::resource
