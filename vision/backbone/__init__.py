"""The network that all heads share: keras-vggface's VGG16 up to `pool5`."""
