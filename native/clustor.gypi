# The release build of the addon. CMakeLists.txt builds the same sources with warnings as errors, sanitizers and tests.
# The source list comes from scripts/build-native.cjs: native/sources.txt and every file of native/binding.
#
# Two targets, because gyp has no flags for single files: the files that every append or every byte of a recovery goes
# through are compiled for speed, the rest for size (docs/packaging.md, "Size").
{
  'variables': {
    'fast_list': [
      'native/base/crc32c.cc',
      'native/base/crc_fold.cc',
      'native/base/crc_lanes.cc',
      'native/binding/addon.cc',
      'native/binding/completion_queue.cc',
      'native/binding/log_object.cc',
      'native/crypto/aead.cc',
      'native/crypto/block_iv.cc',
      'native/wal/block_builder.cc',
      'native/wal/block_reader.cc',
      'native/wal/block_sealer.cc',
      'native/wal/block_writer.cc',
      'native/wal/committer.cc',
      'native/wal/durable_writer.cc',
      'native/wal/frame.cc',
      'native/wal/group_plan.cc',
      'native/wal/ledger_codec.cc',
      'native/wal/merkle.cc',
      'native/wal/nonce_plan.cc',
      'native/wal/reader.cc',
      'native/wal/replay.cc',
      'native/wal/segment_cipher.cc',
      'native/wal/segment_mac.cc',
      'native/wal/segment_scan.cc',
      'native/wal/stored_frames.cc',
      'native/wal/sync_companion.cc',
      'native/wal/write_queue.cc',
    ],
    # Optimising across files drops a quarter of the binary and makes recovery faster. gcc alone: clang needs a linker of its own.
    'link_time_optimisation': '<!(node scripts/build-native.cjs --has-gcc)',
  },
  'target_defaults': {
    'include_dirs': ['.', '<!(node -p "require(\'node-addon-api\').include_dir")'],
    'defines': [
      'NAPI_VERSION=8',
      'NAPI_DISABLE_CPP_EXCEPTIONS',
      # A terminated worker makes every napi_throw fail; that must not abort the process.
      'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      # Electron forbids external buffers: bytes handed to JavaScript are copied.
      'NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED',
    ],
    # Frame pointers (Node.js has them, too) serve debuggers and profilers; tables for unwinding would double them.
    'cflags': [
      '-fvisibility=hidden',
      '-ffunction-sections',
      '-fdata-sections',
      '-fno-asynchronous-unwind-tables',
      '-fno-omit-frame-pointer',
    ],
    'cflags_cc!': ['-std=gnu++14', '-std=gnu++17', '-std=gnu++20', '-std=c++17', '-fexceptions', '-frtti'],
    'cflags_cc': ['-std=c++20', '-fno-exceptions', '-fno-rtti', '-fvisibility-inlines-hidden'],
    'conditions': [
      ['OS=="linux" and link_time_optimisation=="yes"', {
        # Fat objects: an ar without gcc's plugin can list them as well.
        'cflags': ['-flto', '-ffat-lto-objects'],
        # One partition: the .symver lines of os/thread.cc and crypto/evp.cc must stay beside what they rename.
        'ldflags': ['-flto', '-flto-partition=one'],
      }],
      ['OS=="linux"', {
        'ldflags': ['-Wl,--gc-sections', '-Wl,--exclude-libs,ALL', '-Wl,-z,relro', '-Wl,-z,now', '-Wl,-z,nodelete'],
      }],
      ['OS=="mac"', {
        'xcode_settings': {
          'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
          'GCC_ENABLE_CPP_EXCEPTIONS': 'NO',
          'GCC_ENABLE_CPP_RTTI': 'NO',
          'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
          'DEAD_CODE_STRIPPING': 'YES',
          'MACOSX_DEPLOYMENT_TARGET': '11.0',
        },
      }],
    ],
  },
  'targets': [
    {
      'target_name': 'clustor',
      # First in the link, so that of an inline function of both targets the fast copy stays.
      'sources': ['<@(fast_list)'],
      'dependencies': ['clustor_small'],
      'cflags_cc': ['-O3'],
      'xcode_settings': { 'GCC_OPTIMIZATION_LEVEL': '3' },
    },
    {
      'target_name': 'clustor_small',
      'type': 'static_library',
      'product_prefix': 'lib',
      'product_extension': 'a',
      'sources': ['<!@(node scripts/build-native.cjs --list-sources)'],
      'sources!': ['<@(fast_list)'],
      'cflags_cc': ['-Os'],
      'xcode_settings': { 'GCC_OPTIMIZATION_LEVEL': 's' },
      'conditions': [['OS=="win"', { 'product_prefix': '', 'product_extension': 'lib' }]],
    },
  ],
}
