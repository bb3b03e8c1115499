// Rules in CEL for the schemas of CustomResourceDefinitions
// (x-kubernetes-validations): of one text, of an object's groups, and of what a
// kind demands beyond the shape of its fields. Internal to crd.h.
//
// A rule's sentence is asked of structure.h with a wrong value, so that both say
// the same. The API server estimates what a rule may cost from the longest list
// and text that the schema allows, and refuses a definition that could cost too
// much; where a text stands in lists so long, its pattern goes into the schema
// itself, and the API server words the refusal.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "resource/kind.h"

namespace millrace::resource {

struct CelRule {
  std::string condition;   // of `self`
  std::string message;     // also what is said when `expression` cannot be evaluated
  std::string expression;  // the message with values in it; "": `message` says it all
  std::string field;       // that is to blame: ".eventId"; "": where the rule stands
};
void AddRule(Json& schema, const CelRule& rule);

// Adds to the field's own schema what a text of its type must look like.
// `copies` is how many such fields one resource can have.
void AddTextRules(const Field& field, double copies, Json& schema);
// A length of time or a quantity of bytes, that may also be written as a number.
void AddTextOrNumberRules(const Field& field, double copies, Json& schema);
// Exactly one of a group; what needs what beside it.
void AddGroupRules(const Field& field, Json& schema);
// The resource's name, into the schema of the whole document.
void AddNameRule(const Field& name, Json& document);
// What internal/rules.cc says of one resource by itself, into the schema of a kind's whole document.
void AddKindRules(const Kind& kind, Json& document);

// Whether it can be 0, and so be written as the number.
bool MayBeNumber(const Field& field);

}  // namespace millrace::resource
