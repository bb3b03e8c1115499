#include <utility>

#include "base/value.h"
#include "resource/kinds/kinds.h"

namespace millrace::resource {
namespace {

Field ConditionsField() {
  return List("conditions", "What holds now, one entry a type; Ready sums the others up.",
              Object("", "",
                     {Text("type", "What the condition is about, such as Ready."),
                      Enum("status", "Whether it holds.", {"True", "False", "Unknown"}),
                      Text("reason", "The cause in one word, for programs."),
                      Text("message", "The cause in a sentence, for people."),
                      Timestamp("lastTransitionTime", "When status last changed."),
                      Integer("observedGeneration", "The generation of the spec that this was judged on.")}));
}

}  // namespace

Field MetadataField(bool namespaced) {
  std::vector<Field> fields;
  fields.push_back(
      OfType(FieldType::kDnsLabel, "name",
             "The resource's name, unique among those of its kind in its project: lower-case letters, digits "
             "and '-', at most 63 characters, beginning and ending with a letter or a digit.")
          .Required()
          .Example("customer-spending"));
  if (namespaced) {
    fields.push_back(OfType(FieldType::kDnsLabel, "namespace", "The Project that the resource belongs to.")
                         .Default(std::string(kDefaultProject)));
  }
  fields.push_back(
      Map("labels", "Short texts to select resources by.", Text("", "").Length(63)).Items(0, 64));
  fields.push_back(
      Map("annotations", "Texts for people and tools; nothing selects by them.", Text("", "").Length(65'536))
          .Items(0, 64));
  fields.push_back(List("finalizers",
                        "Who must clean up before the resource may go. Controllers write this; it is seldom "
                        "written by hand.",
                        Text("", "").Length(253))
                       .Items(0, 16));
  fields.push_back(
      List("ownerReferences", "What the resource belongs to, and goes with. Written by controllers.",
           Object("", "",
                  {Text("apiVersion", "millrace.dev/v1alpha1."), Text("kind", "The owner's kind.").Required(),
                   Text("name", "The owner's name.").Required(), Text("uid", "The owner's uid.").Required(),
                   Boolean("controller", "Whether the owner manages it."),
                   Boolean("blockOwnerDeletion", "Whether the owner waits for it.")}))
          .Items(0, 16));
  // What the store sets: accepted, so that what `get -o yaml` prints can be applied, and ignored.
  fields.push_back(Text("uid", "Set by the store: this very resource, for ever.").Length(64));
  fields.push_back(Text("resourceVersion",
                        "Set by the store; every write makes a higher one. A write that names it fails "
                        "when another writer was first.")
                       .Length(64));
  fields.push_back(Integer("generation", "Set by the store; every change of spec makes a higher one."));
  fields.push_back(Timestamp("creationTimestamp", "Set by the store."));
  fields.push_back(
      Timestamp("deletionTimestamp", "Set by the store when deletion was asked for and finalizers remain."));
  fields.push_back(List("managedFields", "Set by the store: which program applied it last.",
                        OfType(FieldType::kAny, "", "")));
  return Object("metadata", "Name, project and labels.", std::move(fields)).Required();
}

Field StatusField(std::vector<Field> own) {
  std::vector<Field> fields;
  fields.push_back(Integer("observedGeneration", "The generation of the spec that the status speaks of."));
  fields.push_back(ConditionsField());
  for (Field& field : own) fields.push_back(std::move(field));
  return Object("status", "What Millrace has found and done. Written by controllers; ignored when applied.",
                std::move(fields))
      .Open();
}

Field TypedName(std::string meaning) {
  return Object("", std::move(meaning),
                {Text("name", "Its name."), Enum("type", "Its type.", DataTypeNames())});
}

std::vector<std::string> DataTypeNames() {
  std::vector<std::string> names;
  for (const DataType type :
       {DataType::kBool, DataType::kInt64, DataType::kDouble, DataType::kString, DataType::kTimestamp}) {
    names.emplace_back(DataTypeName(type));
  }
  return names;
}

std::vector<PrinterColumn> WithReady(std::vector<PrinterColumn> own) {
  std::vector<PrinterColumn> columns = {{"NAME", "metadata.name"}, {"READY", "status.conditions[Ready]"}};
  for (PrinterColumn& column : own) columns.push_back(std::move(column));
  columns.push_back({"AGE", "metadata.creationTimestamp"});
  columns.push_back({"REASON", "status.conditions[Ready].reason", true});
  columns.push_back({"MESSAGE", "status.conditions[Ready].message", true});
  return columns;
}

}  // namespace millrace::resource
