#include <utility>

#include "resource/kinds/kinds.h"

namespace millrace::resource {
namespace {

Field ItemField() {
  Field item = Object(
      "", "One of: a request field, an expression with a name, the features of a view.",
      {OfType(FieldType::kColumn, "request", "A field that the request (offline: the example's row) brings.")
           .Example("tx_amount"),
       Enum("type", "The request field's type.", DataTypeNames())
           .Without("that of the column of this name in the model's examples"),
       OfType(FieldType::kIdentifier, "name", "The name of the expression's value.").Length(128),
       OfType(FieldType::kExpression, "expression", "Computed from request fields.")
           .Example("hour(tx_datetime) <= 6"),
       Reference("view", "FeatureView", "A view whose features are looked up by the request's keys."),
       List("features", "Which of the view's: NAME for all of its windows, NAME_1d for one of them.",
            OfType(FieldType::kIdentifier, "", ""))
           .Items(1, 1024)
           .Without("all of them, in the view's order")});
  item = std::move(item).OneOf({"request", "expression", "view"});
  item.needs = {{"expression", "name"}, {"name", "expression"}, {"type", "request"}, {"features", "view"}};
  return item;
}

}  // namespace

Kind FeatureServiceKind() {
  Kind kind;
  kind.name = "FeatureService";
  kind.plural = "featureservices";
  kind.singular = "featureservice";
  kind.short_names = {"fs"};
  kind.meaning = "The exact input of a model: request fields, expressions and features, in this order.";
  kind.rank = 3;
  kind.spec = Object("spec", "The inputs.",
                     {List("features", "The inputs, in order.", ItemField()).Required().Items(1, 1024)});
  kind.status =
      StatusField({List("inputs", "The inputs with their types, in order.", TypedName("One input.")),
                   Text("digest", "Of everything that defines the inputs.")});
  kind.columns = WithReady({{"DIGEST", "status.digest", true}});
  return kind;
}

}  // namespace millrace::resource
