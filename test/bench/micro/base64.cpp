#include "finpost/base64.hpp"

#include "base64_groups.hpp"

#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace {

namespace base64 = finpost::base64;

std::vector<std::byte> random_bytes(std::size_t n) {
    std::mt19937 random(1);
    std::vector<std::byte> out(n);
    for (std::byte& each : out) each = static_cast<std::byte>(random() & 0xff);
    return out;
}

// What a stage of a stream holds.
constexpr std::size_t piece = 64 << 10;

std::vector<std::byte> text_of(std::span<const std::byte> bytes) {
    std::vector<std::byte> out(base64::encoded_size(bytes.size()));
    base64::encode(bytes, reinterpret_cast<char*>(out.data()));
    return out;
}

// All of them count what goes in: bytes for encoders and the copy, characters for decoders.

template <class Function>
void encoding(benchmark::State& state, Function encode) {
    const auto in = random_bytes(static_cast<std::size_t>(state.range(0)));
    std::string out(base64::encoded_size(in.size()) + 8, '\0');
    for ([[maybe_unused]] auto each : state) {
        encode(in, out.data());
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

template <class Function>
void decoding(benchmark::State& state, Function decode) {
    const auto in = text_of(random_bytes(static_cast<std::size_t>(state.range(0))));
    std::vector<std::byte> out(in.size());
    for ([[maybe_unused]] auto each : state) {
        if (!decode(in, out.data())) return state.SkipWithError("not decoded");
        benchmark::ClobberMemory();
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(in.size()));
}

using bytes = std::span<const std::byte>;

void base64_encode(benchmark::State& state) {
    encoding(state, [](bytes in, char* out) { base64::encode(in, out); });
}

void base64_encode_in_pieces(benchmark::State& state) {
    encoding(state, [](bytes in, char* out) {
        base64::encoder one;
        for (; !in.empty(); in = in.subspan(std::min(piece, in.size())))
            out += one.encode(in.first(std::min(piece, in.size())), out);
        one.finish(out);
    });
}

void base64_encode_plainly(benchmark::State& state) {
    encoding(state, [](bytes in, char* out) { base64::detail::encode_groups_plainly(in, out); });
}

void openssl_encode(benchmark::State& state) {
    encoding(state, [](bytes in, char* out) {
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out),
                        reinterpret_cast<const unsigned char*>(in.data()),
                        static_cast<int>(in.size()));
    });
}

void base64_decode(benchmark::State& state) {
    decoding(state, [](bytes in, std::byte* out) { return !base64::decode(in, out).error; });
}

void base64_decode_in_pieces(benchmark::State& state) {
    decoding(state, [](bytes in, std::byte* out) {
        base64::decoder one;
        for (; !in.empty(); in = in.subspan(std::min(piece, in.size())))
            out += one.decode(in.first(std::min(piece, in.size())), out).size;
        return !one.finish().error;
    });
}

void base64_decode_plainly(benchmark::State& state) {
    decoding(state, [](bytes in, std::byte* out) {
        return base64::detail::decode_groups_plainly(in, out) + 4 >= in.size();
    });
}

// Less strict: it takes white space at both ends and any pad bits.
void openssl_decode(benchmark::State& state) {
    decoding(state, [](bytes in, std::byte* out) {
        return EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out),
                               reinterpret_cast<const unsigned char*>(in.data()),
                               static_cast<int>(in.size())) >= 0;
    });
}

void copy(benchmark::State& state) {
    encoding(state, [](bytes in, char* out) { std::memcpy(out, in.data(), in.size()); });
}

} // namespace

BENCHMARK(base64_encode)->Arg(1 << 10)->Arg(64 << 10)->Arg(1 << 20);
BENCHMARK(base64_encode_in_pieces)->Arg(1 << 20);
BENCHMARK(base64_encode_plainly)->Arg(64 << 10);
BENCHMARK(openssl_encode)->Arg(64 << 10);
BENCHMARK(base64_decode)->Arg(1 << 10)->Arg(64 << 10)->Arg(1 << 20);
BENCHMARK(base64_decode_in_pieces)->Arg(1 << 20);
BENCHMARK(base64_decode_plainly)->Arg(64 << 10);
BENCHMARK(openssl_decode)->Arg(64 << 10);
BENCHMARK(copy)->Arg(64 << 10)->Arg(1 << 20);
