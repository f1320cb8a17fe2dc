"""keras-vggface 0.6 on Keras 3.

The package of 2020 imports three modules that Keras 3 no longer has. They stand in `sys.modules`
while it is imported and are gone afterwards; nothing else needs to know.
"""

import sys
from types import ModuleType
from typing import Any

import keras


def _stand_ins() -> dict[str, ModuleType]:
    engine = ModuleType("keras.engine")
    topology = ModuleType("keras.engine.topology")
    topology.get_source_inputs = keras.utils.get_source_inputs  # type: ignore[attr-defined]
    data_utils = ModuleType("keras.utils.data_utils")
    data_utils.get_file = keras.utils.get_file  # type: ignore[attr-defined]
    layer_utils = ModuleType("keras.utils.layer_utils")  # imported, used on Theano only
    return {module.__name__: module for module in (engine, topology, data_utils, layer_utils)}


def _import_keras_vggface() -> tuple[Any, Any]:
    stand_ins = _stand_ins()
    sys.modules.update(stand_ins)
    try:
        from keras_vggface import utils, vggface
    finally:
        for name in stand_ins:
            sys.modules.pop(name, None)
    return vggface.VGGFace, utils


VGGFace, utils = _import_keras_vggface()
"""`keras_vggface.vggface.VGGFace` and the module `keras_vggface.utils`."""
