"""Array libraries: one set of names for NumPy, CuPy and others, and sums that keep their digits."""

from tinyseq.backend.devices import (
    dtype_of as dtype_of,
    frozen as frozen,
    host_array as host_array,
    made_once as made_once,
    on_host as on_host,
    target_type as target_type,
    to_device as to_device,
    to_numpy as to_numpy,
)
from tinyseq.backend.functions import (
    is_half as is_half,
    of_real as of_real,
)
from tinyseq.backend.indexing import (
    gathered as gathered,
    replaced as replaced,
    scattered as scattered,
)
from tinyseq.backend.namespaces import (
    EXTENSIONS as EXTENSIONS,
    NAMESPACES as NAMESPACES,
    NUMPY as NUMPY,
    Array as Array,
    DeviceArray as DeviceArray,
    Namespace as Namespace,
    Namespaces as Namespaces,
    extension as extension,
    forget as forget,
    is_array as is_array,
    is_recorded as is_recorded,
    library_of as library_of,
    namespace_of as namespace_of,
    recorded_whole as recorded_whole,
)
