#include "resource/kinds/kinds.h"

namespace millrace::resource {
namespace {

Field SplitField() {
  return Object(
             "split", "Training and test examples, divided by time: train, then gap, then test.",
             {Timestamp("start", "Where the training range begins.")
                  .Without("so that the split ends with the newest whole day of data"),
              Duration("train", "Length of the training range.").Required().Above(0),
              Duration("gap",
                       "Left out between the two. At least the label's knownAfter, since nobody could have "
                       "trained on a label that had not arrived.")
                  .Default("0s"),
              Duration("test", "Length of the test range.").Required().Above(0)})
      .Required();
}

Field MetricsField() {
  return List("metrics",
              "Measured on the test range, beside those that always are (auc_roc, average_precision, "
              "log_loss, brier).",
              Object(
                  "", "",
                  {Enum("name", "Which.",
                        {"auc_roc", "average_precision", "log_loss", "brier", "precision_at", "recall_at"})
                       .Required(),
                   Integer("k",
                           "How many of the highest scores are looked at, for precision_at and recall_at.")
                       .AtLeast(1),
                   OfType(FieldType::kColumn, "per", "Counts entities by this key column instead of rows."),
                   Duration("every", "Takes the mean over stretches of this length.").Above(0),
                   Boolean("excludeKnown",
                           "With per: leaves out entities that the training range and gap already show to be "
                           "positive.")
                       .Default(true)}))
      .Default(Json::array())
      .Items(0, 64);
}

Field LimitsField() {
  return Object("limits",
                "What one training run may use; the run ends when it exceeds them. In a ComputePool, what is "
                "left open is one slot's share of the pool.",
                {Number("cpu", "Cores.").Unit("cores").AtLeast(0).Default(0).Without("all of them"),
                 Quantity("memory", "Memory.").AtLeast(0).Default("0").Without("no limit").Example("2Gi"),
                 Duration("time", "Time.").Default("0s").Without("no limit").Example("1h")});
}

Field TrainerField() {
  return Object("trainer", "What trains the model.",
                {Map("xgboost",
                     "XGBoost, by its own names of parameters, together with num_boost_round and "
                     "early_stopping_rounds.",
                     OfType(FieldType::kScalars, "", ""))
                     .Items(0, 128)
                     .Example("{objective: binary:logistic, max_depth: 3}")})
      .OneOf({"xgboost"})
      .Required();
}

}  // namespace

Kind ModelKind() {
  Kind kind;
  kind.name = "Model";
  kind.plural = "models";
  kind.singular = "model";
  kind.meaning = "How a model's versions are trained, judged and promoted.";
  kind.rank = 4;
  kind.spec = Object(
      "spec", "Input, examples, trainer, gates.",
      {Reference("input", "FeatureService", "The model's exact input.").Required(),
       Reference("examples", "DataSource", "One example a row, at its event time.").Required(),
       OfType(FieldType::kExpression, "where", "Only rows for which this holds are examples.").Default(""),
       OfType(FieldType::kColumn, "label", "The column of the examples that the model learns to predict.")
           .Required(),
       SplitField(), TrainerField(), MetricsField(),
       List("gates",
            "What a version must fulfil to be promoted: a metric, a comparison, and a number or a metric of "
            "the "
            "champion on the same rows.",
            Text("", "").Length(256))
           .Default(Json::array())
           .Items(0, 64)
           .Example("average_precision >= champion.average_precision - 0.01"),
       Object("promotion", "What happens to a version that passes all gates.",
              {OfType(FieldType::kDnsLabel, "alias", "The alias that moves to it.").Default("champion"),
               Boolean("automatic", "Whether the alias moves by itself; else a person moves it.")
                   .Default(true)}),
       LimitsField(),
       Reference("pool", "ComputePool", "Where it is trained.").Without("on this machine, in no pool"),
       Integer("seed", "Of everything random in training.").AtLeast(0).AtMost(2147483647).Default(0)});
  kind.status = StatusField(
      {Integer("latestVersion", "The newest version."),
       Integer("promotedVersion", "The version that the promotion's alias names."),
       Text("job", "The newest TrainingJob."), Text("digest", "Of everything that defines the model."),
       Integer("snapshot", "The version of the examples' table that the newest job has seen."),
       Map("metrics", "Of the newest version, on its test range.", Number("", ""))});
  kind.columns = WithReady({{"INPUT", "spec.input"},
                            {"LATEST", "status.latestVersion"},
                            {"PROMOTED", "status.promotedVersion"},
                            {"AUC", "status.metrics.auc_roc"},
                            {"AP", "status.metrics.average_precision"},
                            {"JOB", "status.job", true}});
  return kind;
}

}  // namespace millrace::resource
