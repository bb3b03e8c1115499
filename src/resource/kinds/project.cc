#include "resource/kinds/kinds.h"

namespace millrace::resource {

Kind ProjectKind() {
  Kind kind;
  kind.name = "Project";
  kind.plural = "projects";
  kind.singular = "project";
  kind.short_names = {"proj"};
  kind.meaning =
      "Resources that belong together, and who may do what with them. The project 'default' always exists.";
  kind.namespaced = false;
  kind.rank = 0;
  kind.spec = Object(
      "spec", "Who may do what.",
      {Text("description", "What the project is for.").Default(""),
       List("grants", "Roles given on the project's resources.",
            Object("", "",
                   {Text("subject", "Who: the name of a token.").Required().Length(253).Example("risk-team"),
                    Enum("role",
                         "viewer reads, editor also changes resources and pushes data, admin also grants.",
                         {"viewer", "editor", "admin"})
                        .Required()}))
           .Default(Json::array())});
  kind.status = StatusField({Integer("resources", "Resources in the project.")});
  kind.columns = WithReady({{"RESOURCES", "status.resources"}, {"DESCRIPTION", "spec.description", true}});
  return kind;
}

}  // namespace millrace::resource
