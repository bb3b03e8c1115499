#include "resource/kinds/kinds.h"

namespace millrace::resource {
namespace {

Field FilesField() {
  return Object(
             "files", "Files that hold the rows, all of one schema. They are read again when they change.",
             {OfType(
                  FieldType::kPath, "path",
                  "A file, or a pattern of files with * and ?. A relative one starts from the folder of the "
                  "YAML file.")
                  .Example("data/*.parquet"),
              List("paths", "Several of them.", OfType(FieldType::kPath, "", "")).Items(1, 1024),
              Enum("format",
                   "How the files are written; auto goes by their extension. CSV and JSON lines may be "
                   "compressed, which a further .gz or .zst says: data.csv.gz. Text is at most 8 GiB a file, "
                   "and from 64 MiB on at most 1,000 times as long as its compressed file.",
                   {"auto", "parquet", "csv", "jsonl"})
                  .Default("auto"),
              Text("sql",
                   "A query, run in DuckDB over the rows as the table `files`, to join and clean them; its "
                   "result is what the source holds. It is ended after 10 minutes.")
                  .Length(65'536)
                  .Default("")
                  .Example("SELECT * FROM files WHERE amount > 0")})
      .OneOf({"path", "paths"});
}

Field ColumnsField() {
  return List("columns", "What is to be said about single columns; the others need no mention.",
              Object(
                  "", "",
                  {OfType(FieldType::kColumn, "name", "The column's name in the data.").Required(),
                   Enum("type", "The column's type; a value that is not of it makes its row unusable.",
                        DataTypeNames())
                       .Without("as the data has it"),
                   Duration("knownAfter",
                            "The column's value becomes known this much later than its event, as labels do. "
                            "Nothing may look at it sooner: features need a delay, and splits a gap, of at "
                            "least this length.")
                       .Without("known at once")
                       .Example("7d")}))
      .Default(Json::array());
}

}  // namespace

Kind DataSourceKind() {
  Kind kind;
  kind.name = "DataSource";
  kind.plural = "datasources";
  kind.singular = "datasource";
  kind.short_names = {"ds"};
  kind.meaning =
      "Where rows or events come from, and which of their columns are the time and the identity of an event.";
  kind.rank = 1;
  kind.spec =
      Object(
          "spec", "Where the rows are, and what they mean.",
          {FilesField(),
           Object("push",
                  "Events come over HTTP alone: `push: {}`. (A source with files takes them as well.)", {}),
           OfType(FieldType::kColumn, "eventTime", "The column that says when a row's event happened.")
               .Required(),
           OfType(
               FieldType::kColumn, "eventId",
               "The column that identifies an event: the same event twice counts once, and columns that are "
               "known later are joined by it.")
               .Without("events have no identity, and none is taken for a repetition"),
           Duration(
               "lateness",
               "How much older than the newest event one may be when it arrives; an older one goes to the "
               "dead-letter table.")
               .Default("0s"),
           OfType(FieldType::kTimeZone, "timeZone", "The zone of timestamps that carry none.").Default("UTC"),
           ColumnsField()})
          .OneOf({"files", "push"});
  kind.status = StatusField({Integer("rows", "Events that the newest snapshot holds."),
                             Integer("deadLetters", "Rows that could not be used."),
                             Integer("snapshot", "The version of the offline table that holds the events."),
                             Timestamp("oldestEvent", "The time of the oldest event."),
                             Timestamp("newestEvent", "The time of the newest event."),
                             List("columns", "The columns as they were found.", TypedName("One column."))});
  kind.columns = WithReady({{"ROWS", "status.rows"},
                            {"DEAD", "status.deadLetters"},
                            {"NEWEST", "status.newestEvent"},
                            {"SNAPSHOT", "status.snapshot", true}});
  return kind;
}

}  // namespace millrace::resource
