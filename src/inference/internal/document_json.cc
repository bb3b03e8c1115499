#include <simdjson.h>

#include <charconv>

#include "inference/internal/document.h"

namespace millrace::inference::internal {
namespace {

namespace json = simdjson::ondemand;

class JsonReader {
 public:
  Result<Document> Read(json::value value, int depth);
  // A document's root has a type of its own in simdjson.
  Result<Document> ReadRoot(json::document& root);

 private:
  static Status Broken(simdjson::error_code error) {
    return InvalidArgument("the model is not well-formed JSON: {}", simdjson::error_message(error));
  }
  Status Count(size_t values = 1) {
    count_ += values;
    if (count_ > kMaxDocumentValues) {
      return ResourceExhausted("the model holds more than {} values", kMaxDocumentValues);
    }
    return Ok();
  }
  static Status CheckDepth(int depth) {
    if (depth > kMaxDocumentDepth) {
      return InvalidArgument("the model is nested more than {} levels deep", kMaxDocumentDepth);
    }
    return Ok();
  }

  Result<Document> ReadObject(json::object object, int depth);
  Result<Document> ReadArray(json::array array, int depth);
  static Result<Document> ReadNumber(std::string_view token);

  size_t count_ = 0;
};

std::string_view TrimEnd(std::string_view token) {
  const size_t end = token.find_last_not_of(" \t\r\n");
  return token.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

Result<Document> JsonReader::ReadNumber(std::string_view token) {
  token = TrimEnd(token);
  int64_t whole = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), whole);
  if (error == std::errc() && end == token.data() + token.size()) return Document{whole};
  MR_ASSIGN_OR_RETURN(const float number, ParseFloat(token));
  return Document{number};
}

Result<Document> JsonReader::ReadObject(json::object object, int depth) {
  MR_RETURN_IF_ERROR(CheckDepth(depth));
  Document::Object fields;
  for (auto next : object) {
    json::field field;
    if (auto error = std::move(next).get(field)) return Broken(error);
    std::string_view key;
    if (auto error = field.unescaped_key().get(key)) return Broken(error);
    if (IsIgnoredField(key)) continue;
    for (const auto& known : fields) {
      if (known.key == key) return InvalidArgument("the model has the field '{}' twice in one object", key);
    }
    if (fields.size() >= 10'000)
      return ResourceExhausted("an object of the model has more than 10000 fields");
    std::string name(key);
    MR_ASSIGN_OR_RETURN(Document value, Read(field.value(), depth + 1));
    fields.push_back({std::move(name), std::move(value)});
  }
  return Document{std::move(fields)};
}

// Numbers go to flat vectors; the first other value, or the end, decides the form.
Result<Document> JsonReader::ReadArray(json::array array, int depth) {
  MR_RETURN_IF_ERROR(CheckDepth(depth));
  Document::Array items;
  std::vector<int64_t> ints;
  std::vector<float> floats;
  bool all_ints = true;
  for (auto next : array) {
    json::value value;
    if (auto error = std::move(next).get(value)) return Broken(error);
    MR_ASSIGN_OR_RETURN(Document item, Read(value, depth + 1));
    const auto* whole = std::get_if<int64_t>(&item.value);
    const auto* number = std::get_if<float>(&item.value);
    if (whole == nullptr && number == nullptr) {
      if (!ints.empty() || !floats.empty()) {
        return InvalidArgument("an array of the model mixes numbers and other values");
      }
      MR_RETURN_IF_ERROR(Count(kItemCost));
      items.push_back(std::move(item));
      continue;
    }
    if (!items.empty()) return InvalidArgument("an array of the model mixes numbers and other values");
    if (all_ints && number != nullptr) {
      floats.assign(ints.begin(), ints.end());
      ints.clear();
      all_ints = false;
    }
    if (all_ints) {
      ints.push_back(*whole);
    } else {
      floats.push_back(number != nullptr ? *number : static_cast<float>(*whole));
    }
  }
  if (!ints.empty()) return Document{std::move(ints)};
  if (!floats.empty()) return Document{std::move(floats)};
  return Document{std::move(items)};
}

Result<Document> JsonReader::Read(json::value value, int depth) {
  MR_RETURN_IF_ERROR(Count());
  json::json_type type;
  if (auto error = value.type().get(type)) return Broken(error);
  switch (type) {
    case json::json_type::object: {
      json::object object;
      if (auto error = value.get_object().get(object)) return Broken(error);
      return ReadObject(object, depth);
    }
    case json::json_type::array: {
      json::array array;
      if (auto error = value.get_array().get(array)) return Broken(error);
      return ReadArray(array, depth);
    }
    case json::json_type::number: {
      const std::string_view token = value.raw_json_token();
      // Checks the form and moves the iterator on; the value itself is read as float32 below.
      double ignored = 0;
      if (auto error = value.get_double().get(ignored)) return Broken(error);
      return ReadNumber(token);
    }
    case json::json_type::string: {
      std::string_view text;
      if (auto error = value.get_string().get(text)) return Broken(error);
      return Document{std::string(text)};
    }
    case json::json_type::boolean: {
      bool flag = false;
      if (auto error = value.get_bool().get(flag)) return Broken(error);
      return Document{flag};
    }
    case json::json_type::null: {
      bool null = false;
      if (auto error = value.is_null().get(null)) return Broken(error);
      if (!null) return InvalidArgument("the model is not well-formed JSON: a word that is not null");
      return Document{};
    }
  }
  return InvalidArgument("the model is not well-formed JSON");
}

Result<Document> JsonReader::ReadRoot(json::document& root) {
  json::object object;
  if (auto error = root.get_object().get(object)) return Broken(error);
  MR_ASSIGN_OR_RETURN(Document document, ReadObject(object, 1));
  const char* rest = nullptr;
  if (!root.current_location().get(rest))
    return InvalidArgument("the model has text after its JSON document");
  return document;
}

}  // namespace

Result<Document> ParseJsonDocument(std::string_view bytes) {
  if (bytes.size() > kMaxModelBytes) {
    return ResourceExhausted("the model has {} bytes; at most {} are read", bytes.size(), kMaxModelBytes);
  }
  const simdjson::padded_string padded(bytes);
  json::parser parser;
  json::document root;
  if (auto error = parser.iterate(padded).get(root)) {
    return InvalidArgument("the model is not well-formed JSON: {}", simdjson::error_message(error));
  }
  return JsonReader().ReadRoot(root);
}

}  // namespace millrace::inference::internal
