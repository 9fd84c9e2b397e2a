# The release build of the addon. CMakeLists.txt builds the same sources with warnings as errors, sanitizers and tests.
# The source list comes from scripts/build-native.cjs: native/sources.txt and every file of native/binding.
{
  'targets': [
    {
      'target_name': 'clustor',
      'sources': ['<!@(node scripts/build-native.cjs --list-sources)'],
      'include_dirs': ['.', '<!(node -p "require(\'node-addon-api\').include_dir")'],
      'defines': [
        'NAPI_VERSION=8',
        'NAPI_DISABLE_CPP_EXCEPTIONS',
        # A terminated worker makes every napi_throw fail; that must not abort the process.
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
        # Electron forbids external buffers: bytes handed to JavaScript are copied.
        'NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED',
      ],
      'cflags': ['-fvisibility=hidden', '-ffunction-sections', '-fdata-sections'],
      'cflags!': ['-O2'],
      'cflags_cc!': ['-std=gnu++14', '-std=gnu++17', '-std=gnu++20', '-std=c++17', '-fexceptions', '-frtti'],
      'cflags_cc': [
        '-std=c++20',
        '-O3',
        '-fno-exceptions',
        '-fno-rtti',
        '-fvisibility=hidden',
        '-fvisibility-inlines-hidden',
      ],
      'conditions': [
        ['OS=="linux"', {
          'ldflags': ['-Wl,--gc-sections', '-Wl,--exclude-libs,ALL', '-Wl,-z,relro', '-Wl,-z,now'],
        }],
        ['OS=="mac"', {
          'xcode_settings': {
            'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
            'GCC_ENABLE_CPP_EXCEPTIONS': 'NO',
            'GCC_ENABLE_CPP_RTTI': 'NO',
            'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
            'MACOSX_DEPLOYMENT_TARGET': '11.0',
          },
        }],
      ],
    },
  ],
}
