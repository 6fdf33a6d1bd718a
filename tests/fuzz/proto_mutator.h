// Changes a protobuf message field by field, through reflection: a byte changed at random mostly breaks the
// lengths around it, and the readers behind the parser would never see anything odd.
#pragma once
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <google/protobuf/message.h>
#include <onnx/onnx_pb.h>

#include "raceline/base/random.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

namespace raceline::fuzz {

class ProtoMutator {
 public:
  explicit ProtoMutator(uint64_t seed) : random_(seed) {}

  /// One to a few changes anywhere in the message.
  void mutate(google::protobuf::Message& message) {
    texts_.clear();
    places_.clear();
    collect(message);
    for (int64_t changes = 1 + random_.below(3); changes > 0 && !places_.empty(); --changes) {
      change(places_[static_cast<size_t>(random_.below(static_cast<int64_t>(places_.size())))]);
      // What a change removes must not be changed again.
      places_.clear();
      collect(message);
    }
  }

 private:
  using Message = google::protobuf::Message;
  using Field = google::protobuf::FieldDescriptor;
  struct Place {
    Message* message;
    const Field* field;
  };

  void collect(Message& message) {
    const auto* reflection = message.GetReflection();
    const auto* type = message.GetDescriptor();
    for (int index = 0; index < type->field_count(); ++index) {
      const Field* field = type->field(index);
      const int count = field->is_repeated() ? reflection->FieldSize(message, field)
                                             : (reflection->HasField(message, field) ? 1 : 0);
      // Absent fields come into being now and then.
      if (count > 0 || random_.below(8) == 0) places_.push_back({&message, field});
      for (int at = 0; at < count; ++at) {
        if (field->cpp_type() == Field::CPPTYPE_STRING && texts_.size() < 1000) {
          texts_.push_back(field->is_repeated() ? reflection->GetRepeatedString(message, field, at)
                                                : reflection->GetString(message, field));
        } else if (field->cpp_type() == Field::CPPTYPE_MESSAGE) {
          collect(field->is_repeated() ? *reflection->MutableRepeatedMessage(&message, field, at)
                                       : *reflection->MutableMessage(&message, field));
        }
      }
    }
  }

  int64_t odd_number(int64_t old) {
    static constexpr int64_t odd[] = {0,         1,         -1,        2,         3,         8,
                                      255,       256,       1 << 16,   INT32_MAX, INT32_MIN, 1LL << 31,
                                      1LL << 32, 1LL << 40, 1LL << 62, INT64_MAX, INT64_MIN, -2};
    switch (random_.below(4)) {
      case 0:
        return static_cast<int64_t>(static_cast<uint64_t>(old) + 1);
      case 1:
        return static_cast<int64_t>(static_cast<uint64_t>(old) - 1);
      case 2:
        return random_.below(20);
      default:
        return odd[random_.below(std::size(odd))];
    }
  }

  double odd_float() {
    static constexpr double odd[] = {0,
                                     -0.0,
                                     1,
                                     -1,
                                     0.5,
                                     2,
                                     1e-45,
                                     1e30,
                                     -1e30,
                                     std::numeric_limits<double>::infinity(),
                                     -std::numeric_limits<double>::infinity(),
                                     std::numeric_limits<double>::quiet_NaN()};
    return odd[random_.below(std::size(odd))];
  }

  std::string odd_text(std::string old) {
    switch (random_.below(4)) {
      case 0:
        if (!texts_.empty())
          return texts_[static_cast<size_t>(random_.below(static_cast<int64_t>(texts_.size())))];
        return {};
      case 1:
        return {};
      default: {
        const size_t length = old.size();
        old.resize(length + 32);
        old.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(old.data()), length, old.size()));
        return old;
      }
    }
  }

  void change(const Place& place) {
    const auto* reflection = place.message->GetReflection();
    const Field* field = place.field;
    if (!field->is_repeated()) {
      if (random_.below(10) == 0) return reflection->ClearField(place.message, field);
      return set(place, -1);
    }
    const int count = reflection->FieldSize(*place.message, field);
    if (count == 0) return add(place);
    const auto at = static_cast<int>(random_.below(count));
    switch (random_.below(5)) {
      case 0:
        reflection->SwapElements(place.message, field, at, count - 1);
        return reflection->RemoveLast(place.message, field);
      case 1:
        return reflection->SwapElements(place.message, field, at, static_cast<int>(random_.below(count)));
      case 2:
        return add(place);
      default:
        return set(place, at);
    }
  }

  /// Another element: of messages a copy of one that is there.
  void add(const Place& place) {
    const auto* reflection = place.message->GetReflection();
    const Field* field = place.field;
    const int count = reflection->FieldSize(*place.message, field);
    switch (field->cpp_type()) {
      case Field::CPPTYPE_MESSAGE: {
        Message* added = reflection->AddMessage(place.message, field);
        if (count > 0) {
          const auto from = static_cast<int>(random_.below(count));
          added->CopyFrom(reflection->GetRepeatedMessage(*place.message, field, from));
        }
        return;
      }
      case Field::CPPTYPE_STRING:
        return reflection->AddString(place.message, field, odd_text({}));
      case Field::CPPTYPE_INT32:
        return reflection->AddInt32(place.message, field, static_cast<int32_t>(odd_number(0)));
      case Field::CPPTYPE_INT64:
        return reflection->AddInt64(place.message, field, odd_number(0));
      case Field::CPPTYPE_UINT64:
        return reflection->AddUInt64(place.message, field, static_cast<uint64_t>(odd_number(0)));
      case Field::CPPTYPE_FLOAT:
        return reflection->AddFloat(place.message, field, static_cast<float>(odd_float()));
      case Field::CPPTYPE_DOUBLE:
        return reflection->AddDouble(place.message, field, odd_float());
      default:
        return;
    }
  }

  /// Element `at` of a repeated field; -1: the only one.
  void set(const Place& place, int at) {
    Message* message = place.message;
    const auto* reflection = message->GetReflection();
    const Field* field = place.field;
    const bool many = at >= 0;
    switch (field->cpp_type()) {
      case Field::CPPTYPE_INT32: {
        const int32_t old =
            many ? reflection->GetRepeatedInt32(*message, field, at) : reflection->GetInt32(*message, field);
        const auto value = static_cast<int32_t>(odd_number(old));
        return many ? reflection->SetRepeatedInt32(message, field, at, value)
                    : reflection->SetInt32(message, field, value);
      }
      case Field::CPPTYPE_INT64: {
        const int64_t old =
            many ? reflection->GetRepeatedInt64(*message, field, at) : reflection->GetInt64(*message, field);
        const int64_t value = odd_number(old);
        return many ? reflection->SetRepeatedInt64(message, field, at, value)
                    : reflection->SetInt64(message, field, value);
      }
      case Field::CPPTYPE_UINT64: {
        const auto value = static_cast<uint64_t>(odd_number(0));
        return many ? reflection->SetRepeatedUInt64(message, field, at, value)
                    : reflection->SetUInt64(message, field, value);
      }
      case Field::CPPTYPE_FLOAT: {
        const auto value = static_cast<float>(odd_float());
        return many ? reflection->SetRepeatedFloat(message, field, at, value)
                    : reflection->SetFloat(message, field, value);
      }
      case Field::CPPTYPE_DOUBLE:
        return many ? reflection->SetRepeatedDouble(message, field, at, odd_float())
                    : reflection->SetDouble(message, field, odd_float());
      case Field::CPPTYPE_ENUM:
        if (!many) reflection->SetEnumValue(message, field, static_cast<int>(random_.below(25)));
        return;
      case Field::CPPTYPE_STRING: {
        const std::string old = many ? reflection->GetRepeatedString(*message, field, at)
                                     : reflection->GetString(*message, field);
        return many ? reflection->SetRepeatedString(message, field, at, odd_text(old))
                    : reflection->SetString(message, field, odd_text(old));
      }
      case Field::CPPTYPE_MESSAGE:
        // An element becomes a copy of another; what is inside is reached by places of its own.
        if (many) {
          const int other = static_cast<int>(random_.below(reflection->FieldSize(*message, field)));
          const std::unique_ptr<Message> copy(reflection->GetRepeatedMessage(*message, field, other).New());
          copy->CopyFrom(reflection->GetRepeatedMessage(*message, field, other));
          reflection->MutableRepeatedMessage(message, field, at)->CopyFrom(*copy);
        } else {
          reflection->MutableMessage(message, field);
        }
        return;
      default:
        return;
    }
  }

  Random random_;
  std::vector<std::string> texts_;
  std::vector<Place> places_;
};

/// A libFuzzer mutator: mostly field by field, sometimes byte by byte as libFuzzer does, which also reaches
/// the parser.
template <class Message>
size_t mutate_message(uint8_t* data, size_t size, size_t most, unsigned int seed) {
  Message message;
  if (seed % 5 == 0 || !message.ParseFromArray(data, static_cast<int>(size)))
    return LLVMFuzzerMutate(data, size, most);
  ProtoMutator(seed).mutate(message);
  std::string bytes;
  if (!message.SerializeToString(&bytes) || bytes.empty() || bytes.size() > most)
    return LLVMFuzzerMutate(data, size, most);
  std::copy(bytes.begin(), bytes.end(), data);
  return bytes.size();
}

}  // namespace raceline::fuzz
