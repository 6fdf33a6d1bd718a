// Tensors in .pb and .npy files: what is written is read back, what is damaged is refused.
#ifndef ONNX_NAMESPACE
#define ONNX_NAMESPACE onnx
#define ONNX_ML 1
#endif
#include <cstring>

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include "raceline/base/error.h"
#include "raceline/model/npy.h"
#include "raceline/model/tensor_proto.h"
#include "tests/model/testing.h"

namespace raceline {
namespace {

using namespace testing;

constexpr DataType all_types[] = {DataType::f32,    DataType::f64, DataType::f16, DataType::bf16,
                                  DataType::i8,     DataType::u8,  DataType::i16, DataType::u16,
                                  DataType::i32,    DataType::u32, DataType::i64, DataType::u64,
                                  DataType::boolean};

Tensor random_bytes(const TensorDesc& desc, uint64_t seed) {
  Random random(seed);
  Tensor tensor(desc);
  for (std::byte& byte : tensor.bytes()) {
    byte = static_cast<std::byte>(random.below(desc.type == DataType::boolean ? 2 : 256));
  }
  return tensor;
}

void expect_equal(Tensor a, Tensor b) {
  ASSERT_EQ(a.desc(), b.desc());
  EXPECT_EQ(std::memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()), 0) << a.desc().to_string();
}

TEST(TensorPb, KeepsEveryTypeAndShape) {
  const TempFolder folder;
  uint64_t seed = 7;
  for (const DataType type : all_types) {
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{5}, Shape{2, 0, 3}, Shape{2, 3, 4, 5}}) {
      const Tensor tensor = random_bytes({type, shape}, ++seed);
      write_tensor_pb(folder / "t.pb", tensor.view(), "t");
      expect_equal(read_tensor_pb(folder / "t.pb"), random_bytes({type, shape}, seed));
    }
  }
}

TEST(TensorPb, ReadsTypedFields) {
  const TempFolder folder;
  const auto read = [&](const onnx::TensorProto& proto) {
    write_file(folder / "t.pb", proto.SerializeAsString());
    return read_tensor_pb(folder / "t.pb");
  };
  onnx::TensorProto proto;
  proto.add_dims(2);
  proto.set_data_type(onnx::TensorProto::FLOAT);
  proto.add_float_data(1.5f);
  proto.add_float_data(-2);
  EXPECT_EQ(read(proto).data<float>()[1], -2);
  proto.clear_float_data();
  proto.set_data_type(onnx::TensorProto::INT8);
  proto.add_int32_data(-128);
  proto.add_int32_data(127);
  EXPECT_EQ(read(proto).data<int8_t>()[0], -128);
  proto.set_data_type(onnx::TensorProto::BOOL);
  EXPECT_EQ(read(proto).data<uint8_t>()[0], 1);
  proto.set_data_type(onnx::TensorProto::FLOAT16);
  proto.set_int32_data(0, 0x3C00);
  EXPECT_EQ(read(proto).data<uint16_t>()[0], 0x3C00);
  proto.clear_int32_data();
  proto.set_data_type(onnx::TensorProto::UINT32);
  proto.add_uint64_data(4000000000u);
  proto.add_uint64_data(1);
  EXPECT_EQ(read(proto).data<uint32_t>()[0], 4000000000u);
  proto.clear_uint64_data();
  proto.set_data_type(onnx::TensorProto::DOUBLE);
  proto.add_double_data(1e300);
  proto.add_double_data(0);
  EXPECT_EQ(read(proto).data<double>()[0], 1e300);
}

TEST(TensorPb, RefusesWhatIsNoPlainTensor) {
  const TempFolder folder;
  const auto fails = [&](const std::string& content) {
    write_file(folder / "t.pb", content);
    const std::string text = thrown<Error>([&] { read_tensor_pb(folder / "t.pb"); });
    EXPECT_TRUE(contains(text, "t.pb"));
  };
  fails("");
  fails("garbage");
  fails(std::string(100, '\xff'));

  onnx::TensorProto proto;
  proto.add_dims(4);
  proto.set_data_type(onnx::TensorProto::FLOAT);
  fails(proto.SerializeAsString());  // no data
  proto.set_raw_data(std::string(15, 'x'));
  fails(proto.SerializeAsString());  // too few
  proto.set_dims(0, int64_t{1} << 50);
  fails(proto.SerializeAsString());  // dimensions cost nothing, memory does
  proto.set_dims(0, -4);
  fails(proto.SerializeAsString());
  proto.set_dims(0, 4);
  proto.set_raw_data(std::string(16, 'x'));
  for (const int type : {0, int{onnx::TensorProto::STRING}, int{onnx::TensorProto::COMPLEX64}, 17, -1}) {
    proto.set_data_type(type);
    fails(proto.SerializeAsString());
  }
  proto.set_data_type(onnx::TensorProto::FLOAT);
  proto.set_data_location(onnx::TensorProto::EXTERNAL);
  fails(proto.SerializeAsString());

  // SequenceProto and OptionalProto: name, kind of element, elements.
  onnx::TensorProto element;
  element.add_dims(1);
  element.set_data_type(onnx::TensorProto::FLOAT);
  element.add_float_data(1);
  const std::string inner = element.SerializeAsString();
  const std::string entry = "\x1a" + std::string(1, static_cast<char>(inner.size())) + inner;
  fails("\x10\x01" + entry + entry);
  fails("\x0a\x03seq\x10\x01" + entry);
  fails("\x10\x01");
}

TEST(Npy, KeepsEveryTypeAndShape) {
  const TempFolder folder;
  uint64_t seed = 70;
  for (const DataType type : all_types) {
    if (type == DataType::bf16) continue;
    for (const Shape& shape : {Shape{}, Shape{0}, Shape{5}, Shape{2, 0, 3}, Shape{2, 3, 4, 5}}) {
      const Tensor tensor = random_bytes({type, shape}, ++seed);
      write_npy(folder / "t.npy", tensor.view());
      EXPECT_EQ((read_file(folder / "t.npy").size() - tensor.desc().bytes()) % 64, 0u);
      expect_equal(read_npy(folder / "t.npy"), random_bytes({type, shape}, seed));
    }
  }
  EXPECT_THROW(write_npy(folder / "t.npy", Tensor({DataType::bf16, {2}}).view()), UnsupportedError);
}

std::string npy(const std::string& header, const std::string& data, int version = 1) {
  std::string file = "\x93NUMPY";
  file += static_cast<char>(version);
  file += '\0';
  const size_t bytes = version == 1 ? 2 : 4;
  for (size_t i = 0; i < bytes; ++i) file += static_cast<char>(header.size() >> (8 * i) & 0xFF);
  return file + header + data;
}

TEST(Npy, ReadsFortranOrderAndLaterVersions) {
  const TempFolder folder;
  std::string data;
  for (char c = 0; c < 6; ++c) data += c;
  for (const int version : {1, 2, 3}) {
    write_file(folder / "f.npy",
               npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n", data, version));
    const Tensor tensor = read_npy(folder / "f.npy");
    ASSERT_EQ(tensor.desc(), (TensorDesc{DataType::u8, {2, 3}}));
    const std::vector<uint8_t> got(tensor.data<uint8_t>(), tensor.data<uint8_t>() + 6);
    EXPECT_EQ(got, (std::vector<uint8_t>{0, 2, 4, 1, 3, 5}));
  }
  // Keys in any order, double quotes, no blanks, no comma at the end.
  write_file(folder / "f.npy", npy("{\"shape\":(6,),\"fortran_order\":False,\"descr\":\"<i1\"}", data));
  EXPECT_EQ(read_npy(folder / "f.npy").desc(), (TensorDesc{DataType::i8, {6}}));
}

TEST(Npy, RefusesHostileHeaders) {
  const TempFolder folder;
  const std::string good = "{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }";
  const auto fails = [&](const std::string& content) {
    write_file(folder / "h.npy", content);
    const std::string text = thrown<Error>([&] { read_npy(folder / "h.npy"); });
    EXPECT_TRUE(contains(text, "h.npy")) << content;
  };
  write_file(folder / "h.npy", npy(good, "abcd"));
  EXPECT_NO_THROW(read_npy(folder / "h.npy"));
  fails("");
  fails("\x93NUMPY");
  fails(npy(good, "abc"));
  fails(npy(good, "abcde"));
  fails(npy(good, "abcd", 4));
  fails(npy("", "abcd"));
  fails(npy("{", "abcd"));
  fails(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (4,)", "abcd"));
  fails(npy("{'descr': '|u1', 'fortran_order': False}", "abcd"));
  fails(npy("{'descr': '|u1', 'fortran_order': 0, 'shape': (4,)}", "abcd"));
  fails(npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", "abcd"));
  fails(npy("{'descr': 'O', 'fortran_order': False, 'shape': (4,)}", "abcd"));
  fails(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "abcd"));
  fails(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (-4,)}", "abcd"));
  fails(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,)}", "abcd"));
  fails(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", "abcd"));
  fails(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,4)}", "abcd"));
  fails(npy("{'descr': '|u1', 'descr': '|u1', 'shape': (4,)}", "abcd"));
  fails(npy("{'descr': '|b1', 'fortran_order': False, 'shape': (4,)}", "\x01\x02\x01\x01"));
  const std::string whole = npy(good, "abcd");
  for (size_t size = 0; size < whole.size(); ++size) fails(whole.substr(0, size));
}

}  // namespace
}  // namespace raceline
