{ 'includes': ['native/clustor.gypi'] }
