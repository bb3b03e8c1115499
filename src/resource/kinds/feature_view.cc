#include "resource/kinds/kinds.h"

namespace millrace::resource {
namespace {

Field FeaturesField() {
  return List("features", "What is computed over each window.",
              Object(
                  "", "",
                  {OfType(FieldType::kIdentifier, "name",
                          "The feature's name. Over a window of one day it becomes NAME_1d.")
                       .Required()
                       .Length(128)
                       .Example("tx_amount_mean"),
                   Enum("aggregate",
                        "How the window's events become one value. distinct is exact; stddev is that of the "
                        "sample; time_since_last is in seconds.",
                        {"count", "sum", "mean", "min", "max", "stddev", "first", "last", "distinct",
                         "time_since_last"})
                       .Required(),
                   OfType(FieldType::kExpression, "of",
                          "What is aggregated: a column or an expression over columns. count and "
                          "time_since_last are of the events themselves and take none; the others need it.")
                       .Example("tx_amount"),
                   OfType(FieldType::kExpression, "where",
                          "Only events for which this holds count; it applies together with the view's.")
                       .Default("")
                       .Example("tx_amount > 100"),
                   OfType(FieldType::kScalar, "default", "The value over a window without events.")
                       .Without("null; 0 for count and distinct")}))
      .Required()
      .Items(1, 256);
}

}  // namespace

Kind FeatureViewKind() {
  Kind kind;
  kind.name = "FeatureView";
  kind.plural = "featureviews";
  kind.singular = "featureview";
  kind.short_names = {"fv"};
  kind.meaning =
      "Features of an entity, computed over windows of a source's events, the same offline and online.";
  kind.rank = 2;
  kind.spec = Object(
      "spec", "Which events, by which keys, over which windows.",
      {Reference("source", "DataSource", "The events.").Required(),
       List("entities", "The columns that make up the key.", OfType(FieldType::kColumn, "", ""))
           .Required()
           .Items(1, 8)
           .Example("[customer_id]"),
       OfType(FieldType::kExpression, "where", "Only events for which this holds count.").Default(""),
       Duration("delay",
                "How far before the moment of asking every window ends: a window w covers the event times in "
                "(t-delay-w, t-delay].")
           .Default("0s"),
       List("windows", "The lengths of the windows; each feature is computed once for each.",
            Duration("", "").Above(0))
           .Required()
           .Items(1, 32)
           .Example("[1d, 7d, 30d]"),
       Duration("ttl",
                "How old an entity's newest event may be; when it is older, the entity's features are null.")
           .Without("unlimited")
           .Above(0),
       FeaturesField()});
  kind.status = StatusField(
      {List("features", "The features as they are published, in order.", TypedName("One feature.")),
       Integer("rows", "Rows of the offline table."),
       Integer("snapshot", "The version of the offline table."),
       Integer("keys", "Entities that the online state knows."),
       Integer("stateBytes", "Memory that the online state takes.").Unit("bytes"),
       Text("digest", "Of everything that defines the features.")});
  kind.columns = WithReady({{"SOURCE", "spec.source"},
                            {"ENTITIES", "spec.entities"},
                            {"KEYS", "status.keys"},
                            {"ROWS", "status.rows"},
                            {"SNAPSHOT", "status.snapshot", true}});
  return kind;
}

}  // namespace millrace::resource
