#include "resource/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <optional>
#include <sstream>
#include <utility>

#include "resource/structure.h"
#include "resource/yaml_scalar.h"

namespace millrace::resource {
namespace {

// Leaves yaml-cpp's parser from within an event; caught in ParseYaml.
struct Abort {
  YAML::Mark mark;
  std::string message;
};

// Builds documents from yaml-cpp's events, so that limits hold while the text
// is read and every node's place is at hand.
class Builder : public YAML::EventHandler {
 public:
  Builder(const std::string& file, const YamlLimits& limits, Diagnostics& diagnostics)
      : file_(file), limits_(limits), diagnostics_(diagnostics) {}

  std::optional<Document> Take() { return std::exchange(document_, std::nullopt); }

  void OnDocumentStart(const YAML::Mark&) override {
    document_.emplace();
    document_->file = file_;
    frames_.clear();
  }
  void OnDocumentEnd() override { Flush(document_ ? DocumentLabel(document_->value) : ""); }
  // Hands over what was found; which resource it is about is known at the document's end.
  void Flush(const std::string& label) {
    for (Diagnostic& diagnostic : found_) {
      diagnostic.resource = label;
      diagnostics_.Add(std::move(diagnostic));
    }
    found_.clear();
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { Add(mark, Json()); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Abort{mark, "aliases (*name) are not allowed here; write the value out"};
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& text) override;
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    CheckTag(mark, tag);
    Open(mark, Json::array());
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    CheckTag(mark, tag);
    Open(mark, Json::object());
  }
  void OnMapEnd() override { Close(); }

 private:
  // An open map or sequence.
  struct Frame {
    Json value;
    std::string path;
    std::string place;               // path of the value being read
    std::optional<std::string> key;  // read, its value not yet
    bool duplicate = false;          // the key was there already: its value is dropped
  };

  SourceMark Place(const YAML::Mark& mark) const { return {file_, mark.line + 1, mark.column + 1}; }
  static void CheckTag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    throw Abort{mark, "the tag '" + tag.substr(0, 60) + "' is not allowed here; leave it out"};
  }
  bool AtKey() const { return !frames_.empty() && frames_.back().value.is_object() && !frames_.back().key; }

  std::string Enter(const YAML::Mark& mark);
  void Note(const std::string& path, const YAML::Mark& mark);
  void SetKey(const YAML::Mark& mark, const std::string& key);
  void Open(const YAML::Mark& mark, Json value);
  void Close();
  void Add(const YAML::Mark& mark, Json value);
  void Attach(Json value);

  const std::string& file_;
  const YamlLimits& limits_;
  Diagnostics& diagnostics_;
  std::vector<Diagnostic> found_;
  std::optional<Document> document_;
  std::vector<Frame> frames_;
  size_t nodes_ = 0;
  size_t path_bytes_ = 0;
};

void Builder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       const std::string& text) {
  if (AtKey()) return SetKey(mark, text);
  if (tag == "?") return Add(mark, PlainScalar(text));
  if (tag != "tag:yaml.org,2002:str") CheckTag(mark, tag);
  Add(mark, Json(text));
}

// Many fields below one long name would take far more memory than their text.
void Builder::Note(const std::string& path, const YAML::Mark& mark) {
  path_bytes_ += path.size();
  if (path_bytes_ > limits_.path_bytes) throw Abort{mark, "its names are too long for so many fields"};
  document_->marks[path] = Place(mark);
}

void Builder::SetKey(const YAML::Mark& mark, const std::string& key) {
  if (key.size() > limits_.key_bytes) {
    throw Abort{mark, fmt::format("a key is longer than {} bytes", limits_.key_bytes)};
  }
  Frame& frame = frames_.back();
  const std::string path = frame.path.empty() ? key : frame.path + "." + key;
  frame.key = key;
  frame.place = path;
  frame.duplicate = frame.value.contains(key);
  if (frame.duplicate) {
    const SourceMark first = document_->marks.at(path);
    found_.push_back({Place(mark), "", path,
                      fmt::format("the key '{}' stands twice; it is already on line {}", key, first.line)});
    return;
  }
  Note(path, mark);
}

// The path of the node that begins here; notes its place where that is not its key's.
std::string Builder::Enter(const YAML::Mark& mark) {
  if (++nodes_ > limits_.nodes)
    throw Abort{mark, fmt::format("the file has more than {} values", limits_.nodes)};
  if (frames_.empty()) {
    Note("", mark);
    return "";
  }
  Frame& frame = frames_.back();
  if (frame.value.is_array()) {
    frame.place = fmt::format("{}[{}]", frame.path, frame.value.size());
    Note(frame.place, mark);
  }
  return frame.place;
}

void Builder::Open(const YAML::Mark& mark, Json value) {
  if (AtKey()) throw Abort{mark, "a key must be a text, not a list or an object"};
  std::string path = Enter(mark);
  if (static_cast<int>(frames_.size()) >= limits_.depth) {
    throw Abort{mark, fmt::format("it nests deeper than {} levels", limits_.depth)};
  }
  frames_.push_back({std::move(value), std::move(path), "", std::nullopt, false});
}

void Builder::Close() {
  Json value = std::move(frames_.back().value);
  frames_.pop_back();
  Attach(std::move(value));
}

void Builder::Add(const YAML::Mark& mark, Json value) {
  if (AtKey()) throw Abort{mark, "a key is empty; write a name before the colon"};
  Enter(mark);
  Attach(std::move(value));
}

void Builder::Attach(Json value) {
  if (frames_.empty()) {
    document_->value = std::move(value);
    return;
  }
  Frame& frame = frames_.back();
  if (frame.value.is_array()) {
    frame.value.push_back(std::move(value));
    return;
  }
  if (!frame.duplicate) frame.value[*frame.key] = std::move(value);
  frame.key.reset();
}

// yaml-cpp's sentences as ours.
std::string Friendly(const std::string& message) {
  if (message == YAML::ErrorMsg::END_OF_MAP_FLOW) return "a '}' is missing for a '{' before";
  if (message == YAML::ErrorMsg::END_OF_SEQ_FLOW) return "a ']' is missing for a '[' before";
  if (message == YAML::ErrorMsg::END_OF_MAP || message == YAML::ErrorMsg::END_OF_SEQ) {
    return "the indentation does not fit the lines before";
  }
  if (message == YAML::ErrorMsg::BAD_FILE) return "it nests too deep";
  return message;
}

void ParseDocuments(std::string_view text, Builder& builder, YamlSet& set) {
  std::istringstream stream{std::string(text)};
  YAML::Parser parser(stream);
  while (parser.HandleNextDocument(builder)) {
    std::optional<Document> document = builder.Take();
    if (document && !document->value.is_null()) set.documents.push_back(std::move(*document));
  }
}

}  // namespace

SourceMark Document::At(std::string_view path) const {
  for (;;) {
    if (const auto found = marks.find(path); found != marks.end()) return found->second;
    const size_t cut = path.find_last_of(".[");
    if (path.empty()) return {file, 0, 0};
    path = cut == std::string_view::npos ? std::string_view() : path.substr(0, cut);
  }
}

YamlSet ParseYaml(std::string_view text, const std::string& file, const YamlLimits& limits) {
  YamlSet set;
  Builder builder(file, limits, set.diagnostics);
  const auto fail = [&](int line, int column, std::string message) {
    set.documents.clear();
    builder.Flush("");
    set.diagnostics.Add({{file, line, column}, "", "", std::move(message)});
  };
  if (text.size() > limits.bytes) {
    fail(0, 0, fmt::format("the file has {} bytes; at most {} are allowed", text.size(), limits.bytes));
    return set;
  }
  if (const std::optional<SourceMark> bad = FirstBadCharacter(text)) {
    fail(bad->line, bad->column, "a byte that is not UTF-8 text, or a control character");
    return set;
  }
  try {
    ParseDocuments(text, builder, set);
  } catch (const Abort& abort) {
    fail(abort.mark.line + 1, abort.mark.column + 1, "not valid YAML: " + abort.message);
  } catch (const YAML::Exception& error) {
    fail(error.mark.line + 1, error.mark.column + 1, "not valid YAML: " + Friendly(error.msg));
  } catch (const std::exception& error) {
    fail(0, 0, fmt::format("not valid YAML: {}", error.what()));
  }
  return set;
}

Document FromJson(Json value) {
  Document document;
  document.value = std::move(value);
  return document;
}

}  // namespace millrace::resource
